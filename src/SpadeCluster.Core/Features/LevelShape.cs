namespace SpadeCluster.Features;

/// <summary>The shape of one pyramid level: cells down, cells across, channels per cell.</summary>
public readonly record struct LevelShape(int Height, int Width, int Channels)
{
    public int Cells => Height * Width;
    public int Length => Height * Width * Channels;
    public override string ToString() => $"{Height}x{Width}x{Channels}";
}
