using System.IO.Compression;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Decisions;

/// <summary>The nearest normal pixel of every cell of the finest grid, for clicks in the console.</summary>
/// <param name="Cells">[y][x]; null outside the region of interest.</param>
public sealed record KeptEvidence(int Width, int Height, PixelEvidence?[] Cells)
{
    private const ushort Outside = ushort.MaxValue;

    /// <summary>Null if the gate did not localise the image.</summary>
    public static byte[]? Pack(ScoredImage scored)
    {
        if (scored.Result.Map is not { } map) return null;
        var model = scored.Gallery.Model;
        // Cells of the whole photograph, of all its tiles.
        var grid = new LevelShape(Math.Max(1, map.Height * model.Levels[0].Height / model.InputHeight),
            Math.Max(1, map.Width * model.Levels[0].Width / model.InputWidth), 1);
        var images = new Dictionary<(ImageId Id, Orientation Orientation), ushort>();
        var cells = new MemoryStream(grid.Cells * 14);
        var cell = new BinaryWriter(cells);
        for (int i = 0; i < grid.Cells; i++)
        {
            var (row, column) = Math.DivRem(i, grid.Width);
            if (scored.Result.EvidenceAt((int)((column + 0.5) * map.Width / grid.Width), (int)((row + 0.5) * map.Height / grid.Height))
                is not { } found)
            {
                cell.Write(Outside);
                cell.Write(0f);
                cell.Write(0f);
                cell.Write(0f);
                continue;
            }
            var normal = (found.Image, found.Orientation);
            if (!images.TryGetValue(normal, out ushort image)) images.Add(normal, image = (ushort)images.Count);
            cell.Write(image);
            cell.Write((float)found.X);
            cell.Write((float)found.Y);
            cell.Write(found.Distance);
        }
        var memory = new MemoryStream();
        using (var writer = new BinaryWriter(new DeflateStream(memory, CompressionLevel.Fastest)))
        {
            writer.Write(grid.Width);
            writer.Write(grid.Height);
            writer.Write(images.Count);
            var ordered = images.OrderBy(i => i.Value).Select(i => i.Key).ToList();
            foreach (var normal in ordered) writer.Write(normal.Id.Value);
            writer.Write(cells.GetBuffer().AsSpan(0, (int)cells.Length));
            // Last, because earlier builds ended here.
            foreach (var normal in ordered) writer.Write((byte)normal.Orientation);
        }
        return memory.ToArray();
    }

    public static KeptEvidence Unpack(byte[] packed)
    {
        using var reader = new BinaryReader(new DeflateStream(new MemoryStream(packed), CompressionMode.Decompress));
        int width = reader.ReadInt32(), height = reader.ReadInt32();
        var images = new ImageId[reader.ReadInt32()];
        for (int i = 0; i < images.Length; i++) images[i] = new ImageId(reader.ReadUInt64());
        var (cells, normals) = (new PixelEvidence?[width * height], new ushort[width * height]);
        for (int i = 0; i < cells.Length; i++)
        {
            ushort image = normals[i] = reader.ReadUInt16();
            var (x, y, distance) = (reader.ReadSingle(), reader.ReadSingle(), reader.ReadSingle());
            if (image != Outside) cells[i] = new PixelEvidence(images[image], x, y, distance);
        }
        byte[] orientations = reader.ReadBytes(images.Length);
        if (orientations.Length == images.Length)
            for (int i = 0; i < cells.Length; i++)
                if (cells[i] is { } cell) cells[i] = cell with { Orientation = (Orientation)orientations[normals[i]] };
        return new KeptEvidence(width, height, cells);
    }

    /// <summary>The match of a point given as shares of width and height, 0 to 1.</summary>
    public PixelEvidence? At(double x, double y)
        => Cells[Math.Clamp((int)(y * Height), 0, Height - 1) * Width + Math.Clamp((int)(x * Width), 0, Width - 1)];
}
