using SpadeCluster.Features;

namespace SpadeCluster.Cli.Demo;

/// <summary>
/// A circuit panel of 4000x3000 pixels: blocks of traces, pads and rings, the same on every panel, with structures of at least twelve
/// pixels. The surface is mottled, differently on each panel. Defects are 20 to 60 pixels large: when the whole photograph is reduced
/// to the network's input they are one or two pixels large and look like the mottle.
/// </summary>
internal static class PanelScene
{
    public const int Width = 4000, Height = 3000;
    private const int Block = 500, Pitch = 40, Trace = 12, Ground = 70, Copper = 170, Hole = 25;
    private const int Mottled = 2, MottleFine = 10, MottleCoarse = 10;

    public static readonly IReadOnlyList<string> Kinds = ["break", "bridge", "pit", "scratch"];

    private static readonly Lazy<byte[]> Good = new(Draw);

    /// <summary>Photographs a panel.</summary>
    /// <param name="seed">Determines the whole photograph.</param>
    /// <param name="kind">The kind of defect; null: none.</param>
    /// <returns>The photograph and the mask of pixels that show the defect.</returns>
    public static (RgbImage Photograph, bool[] Mask) Photograph(int seed, string? kind)
    {
        var random = new Random(seed);
        byte[] surface = [.. Good.Value];
        var changed = new bool[surface.Length];
        if (kind is not null) Damage(surface, changed, kind, random);

        // A small shift, a drifting lamp, mottled material, sensor noise.
        int dx = random.Next(-12, 13), dy = random.Next(-12, 13);
        double exposure = 1 + 0.08 * (random.NextDouble() - 0.5), slopeX = 0.12 * (random.NextDouble() - 0.5),
            slopeY = 0.12 * (random.NextDouble() - 0.5);
        float[] mottle = Mottle(random);
        byte[] grain = new byte[1 << 16];
        random.NextBytes(grain);
        var (image, mask) = (new RgbImage(Width, Height), new bool[surface.Length]);
        for (int y = 0, at = 0; y < Height; y++)
        {
            int row = Math.Clamp(y + dy, 0, Height - 1) * Width, noise = random.Next();
            double light = exposure * (1 + slopeY * (y / (double)Height - 0.5));
            for (int x = 0; x < Width; x++, at++)
            {
                int from = row + Math.Clamp(x + dx, 0, Width - 1);
                double value = (surface[from] + mottle[y / Mottled * (Width / Mottled) + x / Mottled]) * light
                    * (1 + slopeX * (x / (double)Width - 0.5)) + (grain[(noise + x) & 0xFFFF] - 128) * 0.04;
                image.Pixels[3 * at] = (byte)Math.Clamp(value * 1.05, 0, 255);
                image.Pixels[3 * at + 1] = (byte)Math.Clamp(value, 0, 255);
                image.Pixels[3 * at + 2] = (byte)Math.Clamp(value * 0.8 + 10, 0, 255);
                mask[at] = changed[from];
            }
        }
        return (image, mask);
    }

    /// <summary>Light and dark patches of some 40 to 150 pixels, [y][x] in steps of <see cref="Mottled"/> pixels.</summary>
    private static float[] Mottle(Random random)
    {
        var (fine, coarse) = (new ValueNoise((uint)random.Next()), new ValueNoise((uint)random.Next()));
        var values = new float[Width / Mottled * (Height / Mottled)];
        for (int y = 0, at = 0; y < Height / Mottled; y++)
            for (int x = 0; x < Width / Mottled; x++, at++)
                values[at] = (float)(MottleFine * fine.At(x * Mottled / 45.0, y * Mottled / 45.0)
                    + MottleCoarse * coarse.At(x * Mottled / 150.0, y * Mottled / 150.0));
        return values;
    }

    /// <summary>The good panel, one value a pixel. Every second block has traces, in which they can break and be bridged.</summary>
    private static byte[] Draw()
    {
        var surface = new byte[Width * Height];
        Array.Fill(surface, (byte)Ground);
        var random = new Random(1);
        for (int top = 0; top < Height; top += Block)
            for (int left = 0; left < Width; left += Block)
                DrawBlock(surface, left, top, IsTraced(left, top) ? 0 : 1 + random.Next(3), random);
        return surface;
    }

    private static bool IsTraced(int left, int top) => (left / Block + top / Block) % 2 == 0;

    private static void DrawBlock(byte[] surface, int left, int top, int kind, Random random)
    {
        int end = Block - 40;
        if (kind == 0)
        {
            for (int y = 60; y < end; y += Pitch)
            {
                Fill(surface, null, left + 40, top + y, end - 40, Trace, Copper);
                // A pad at one end of each trace.
                Disc(surface, null, left + (random.Next(2) == 0 ? 40 : end), top + y + Trace / 2, 14, Copper);
            }
        }
        else if (kind == 1)
        {
            for (int y = 60; y < end; y += 70)
                for (int x = 60; x < end; x += 70)
                {
                    Disc(surface, null, left + x, top + y, 20, Copper);
                    Disc(surface, null, left + x, top + y, 9, Hole);
                }
        }
        else if (kind == 2)
        {
            Disc(surface, null, left + Block / 2, top + Block / 2, 190, Copper);
            Disc(surface, null, left + Block / 2, top + Block / 2, 150, Ground);
            Disc(surface, null, left + Block / 2, top + Block / 2, 60, Hole);
        }
        else
        {
            Fill(surface, null, left + 60, top + 60, 380, 380, Copper - 40);
            for (int i = 0; i < 12; i++) Fill(surface, null, left + 90 + 27 * i, top + 100, 13, 300, Ground + 20);
        }
    }

    private static void Damage(byte[] surface, bool[] changed, string kind, Random random)
    {
        if (kind is "break" or "bridge")
        {
            int left, top;
            do
            {
                (left, top) = (Block * random.Next(Width / Block), Block * random.Next(Height / Block));
            }
            while (!IsTraced(left, top));
            int x = left + random.Next(100, 380), y = top + 60 + Pitch * random.Next(9);
            if (kind == "break") Fill(surface, changed, x, y, random.Next(20, 31), Trace, Ground);
            else Fill(surface, changed, x, y + Trace, random.Next(10, 17), Pitch - Trace, Copper);
            return;
        }
        int cx, cy;
        do
        {
            (cx, cy) = (random.Next(100, Width - 100), random.Next(100, Height - 100));
        }
        while (kind == "pit" && surface[cy * Width + cx] == Hole);
        if (kind == "pit")
        {
            // Its rim shines: a hole that belongs there has none.
            int radius = random.Next(12, 19);
            Disc(surface, changed, cx, cy, radius, 240);
            Disc(surface, changed, cx, cy, radius - 4, Hole);
            return;
        }
        double angle = Math.PI * random.NextDouble();
        int length = random.Next(40, 61);
        for (int i = -length / 2; i <= length / 2; i++)
            Disc(surface, changed, (int)(cx + i * Math.Cos(angle)), (int)(cy + i * Math.Sin(angle)), 3, 240);
    }

    private static void Fill(byte[] surface, bool[]? changed, int left, int top, int width, int height, int value)
    {
        for (int y = top; y < top + height; y++)
            for (int x = left; x < left + width; x++) Set(surface, changed, x, y, value);
    }

    private static void Disc(byte[] surface, bool[]? changed, int cx, int cy, int radius, int value)
    {
        for (int y = -radius; y <= radius; y++)
            for (int x = -radius; x <= radius; x++)
                if (x * x + y * y <= radius * radius) Set(surface, changed, cx + x, cy + y, value);
    }

    private static void Set(byte[] surface, bool[]? changed, int x, int y, int value)
    {
        if (x < 0 || y < 0 || x >= Width || y >= Height) return;
        int at = y * Width + x;
        if (changed is not null && surface[at] != value) changed[at] = true;
        surface[at] = (byte)value;
    }
}
