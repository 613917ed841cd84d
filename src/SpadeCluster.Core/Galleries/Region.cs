using System.Security.Cryptography;
using System.Text.Json.Serialization;
using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// The part of every photograph that is inspected: nothing outside is searched, scored or drawn. The network still sees the whole
/// photograph, so features at the region's edge, and the gate's pooled feature, also depend on its surroundings.
/// </summary>
/// <param name="Source">Name of the mask, for people.</param>
/// <param name="Digest">Hex SHA-256 of <paramref name="Mask"/>.</param>
/// <param name="Mask">An image file of the photographs' proportions, white inside and black outside.</param>
/// <param name="CellMask">[tile][y * Width + x] of the finest level: 1 inside.</param>
public sealed record Region(string Source, string Digest, byte[] Mask, byte[] CellMask)
{
    /// <summary>Limited because every manifest contains the mask.</summary>
    public const int MaxMaskBytes = 200_000;

    /// <summary>[y * Width + x] of the finest level: which cells of a tile are inspected.</summary>
    /// <param name="tiles">Tiles of a photograph.</param>
    public bool[] Cells(int tile, int tiles)
    {
        int cells = CellMask.Length / tiles;
        return [.. CellMask.AsSpan(tile * cells, cells).ToArray().Select(c => c != 0)];
    }

    /// <summary>Share of the tiles' cells that is inspected.</summary>
    [JsonIgnore]
    public double Share => CellMask.Average(c => (double)c);

    /// <summary>The region of a mask, which is resized like the photographs: cells of which at least half is white.</summary>
    /// <exception cref="SpadeException">InvalidArgument: no image, too large a file, or no cell inside.</exception>
    public static Region From(byte[] mask, string source, FeatureModel model, IImagePreparer preparer)
    {
        if (mask.Length > MaxMaskBytes)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{source}: the mask has {mask.Length / 1000} KB, at most {MaxMaskBytes / 1000} are kept: save it as PNG, or smaller");
        var prepared = preparer.Prepare(mask, source);
        byte[] cells = [.. Enumerable.Range(0, prepared.Tiles.Count).SelectMany(t => Inside(prepared.Tile(t), model.Levels[0]))];
        return cells.Contains((byte)1) ? new Region(source, Convert.ToHexStringLower(SHA256.HashData(mask)), mask, cells)
            : throw new SpadeException(SpadeError.InvalidArgument,
                $"{source}: nothing of the photograph is inside; a mask is white where parts are inspected, and not smaller than "
                + $"{model.InputWidth / model.Levels[0].Width}x{model.InputHeight / model.Levels[0].Height} pixels of the model's input");
    }

    private static IEnumerable<byte> Inside(RgbImage input, LevelShape grid)
    {
        var (sums, counts) = (new int[grid.Cells], new int[grid.Cells]);
        for (int y = 0; y < input.Height; y++)
        {
            for (int x = 0; x < input.Width; x++)
            {
                int cell = y * grid.Height / input.Height * grid.Width + x * grid.Width / input.Width;
                sums[cell] += input.Pixels[3 * (y * input.Width + x)];
                counts[cell]++;
            }
        }
        return sums.Zip(counts, (sum, count) => (byte)(2 * sum >= 255 * count ? 1 : 0));
    }
}
