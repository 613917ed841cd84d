using System.Buffers.Binary;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Core.Tests.Scoring;

/// <summary>Photographs of 20x12 pixels in six tiles of 8x8, whose features are the brightness of cells; one byte a pixel is
/// a file.</summary>
internal sealed class TiledEngine(string description = "stretch 8x8 tiles 4x2 overlap 4") : IFeatureEngines, IFeatureExtractor,
    IImagePreparer
{
    public FeatureModel Model { get; } = new("tiled", new string('b', 64), 8, 8, [new(4, 4, 2), new(2, 2, 2)], 4, WeightChannels: false);
    public TileGrid Grid => TileGrid.Of(Model, description);
    public string Description => description;
    public FeatureEngine Default => new(this, this);

    public FeatureEngine For(FeatureModel model, string preprocessing) => Default;

    /// <summary>A photograph: a gradient, so that every position looks different, and noise.</summary>
    public byte[] Photograph(int seed)
    {
        var random = new Random(seed);
        var file = new byte[Grid.Width * Grid.Height + 4];
        for (int i = 0; i < file.Length - 4; i++)
            file[i] = (byte)(8 * (i % Grid.Width) + 4 * (i / Grid.Width) + random.Next(6));
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(file.Length - 4), seed);
        return file;
    }

    public ImageSource Source(int seed) => new($"{seed}.png", Photograph(seed));

    public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
    {
        var input = new RgbImage(Grid.Width, Grid.Height);
        for (int i = 0; i < Grid.Width * Grid.Height; i++) input.Pixels[3 * i] = file[i];
        return new PreparedImage(input, InputGeometry.Same(Grid.Width, Grid.Height))
        {
            Tiles = Grid,
            Whole = Grid.Whole ? Shrink(input) : null,
        };
    }

    public ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
        CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < images.Count; i++)
        {
            Fill(features[i].Levels[0], images[i], 4, 2);
            Fill(features[i].Levels[1], images[i], 2, 2);
            Fill(features[i].Pooled, images[i], 2, 1);
        }
        return ValueTask.CompletedTask;
    }

    public void Dispose() { }

    private static RgbImage Shrink(RgbImage input)
    {
        var whole = new RgbImage(8, 8);
        for (int i = 0; i < 64; i++)
            whole.Pixels[3 * i] = input.Pixels[3 * (i / 8 * input.Height / 8 * input.Width + i % 8 * input.Width / 8)];
        return whole;
    }

    private static void Fill(float[] values, RgbImage image, int cells, int channels)
    {
        int size = 8 / cells;
        for (int at = 0; at < cells * cells; at++)
        {
            float sum = 0;
            for (int y = 0; y < size; y++)
                for (int x = 0; x < size; x++) sum += image.Pixels[3 * ((at / cells * size + y) * 8 + at % cells * size + x)];
            for (int c = 0; c < channels; c++) values[at * channels + c] = sum / (size * size) / 8 + c;
        }
    }
}
