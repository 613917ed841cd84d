namespace SpadeCluster.Imaging;

/// <summary>A colour, 8 bits a channel.</summary>
public readonly record struct Rgb(byte R, byte G, byte B)
{
    /// <summary>Linear interpolation between this colour and another one, rounded.</summary>
    public Rgb Mix(Rgb other, float share) => new(Mix(R, other.R, share), Mix(G, other.G, share), Mix(B, other.B, share));

    private static byte Mix(byte a, byte b, float share) => (byte)(a + (b - a) * share + 0.5f);
}
