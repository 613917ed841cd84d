using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Pictures of results. Every method returns a new image and does not change its input.</summary>
public static class Overlay
{
    /// <summary>Where the colours of <see cref="Heat"/> begin, as the darkest would hide a dark part, and its highest opacity.</summary>
    private const float LeastHeat = 0.3f, MostCover = 0.85f;

    /// <summary>Colours a map.</summary>
    /// <param name="map">Values from 0 to 1, [y][x].</param>
    public static RgbImage Render(ReadOnlySpan<float> map, int width, int height, ColorMap colors)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)map.Length, (long)width * height, nameof(map));
        var result = new RgbImage(width, height);
        for (int i = 0; i < map.Length; i++)
            Set(result, i, colors[map[i]]);
        return result;
    }

    /// <summary>Lays a coloured map over an image.</summary>
    /// <param name="map">Values from 0 to 1, [y][x], of the image's size.</param>
    /// <param name="opacity">0: only the image; 1: only the map.</param>
    public static RgbImage Blend(RgbImage image, ReadOnlySpan<float> map, ColorMap colors, float opacity = 0.5f)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(map.Length, image.Width * image.Height, nameof(map));
        ArgumentOutOfRangeException.ThrowIfNegative(opacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(opacity, 1);
        var result = new RgbImage(image.Width, image.Height);
        for (int i = 0; i < map.Length; i++)
            Set(result, i, Get(image, i).Mix(colors[map[i]], opacity));
        return result;
    }

    /// <summary>Lays counts in colours over an image: where they are 0 the image stays as it is, and the highest cover it most.</summary>
    /// <param name="heat">Values from 0 to 1, [y][x], of the image's size.</param>
    public static RgbImage Heat(RgbImage image, ReadOnlySpan<float> heat, ColorMap colors)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(heat.Length, image.Width * image.Height, nameof(heat));
        var result = new RgbImage(image.Width, image.Height);
        for (int i = 0; i < heat.Length; i++)
            Set(result, i, Get(image, i).Mix(colors[LeastHeat + (1 - LeastHeat) * heat[i]], MostCover * MathF.Sqrt(heat[i])));
        return result;
    }

    /// <summary>Draws the inner border of a mask: those of its pixels that touch, by a side, a pixel outside it or the image's
    /// border.</summary>
    /// <param name="mask">[y][x], of the image's size.</param>
    /// <param name="thickness">Pixels, growing inwards.</param>
    public static RgbImage Outline(RgbImage image, ReadOnlySpan<bool> mask, Rgb color, int thickness = 1)
    {
        var (width, height) = (image.Width, image.Height);
        ArgumentOutOfRangeException.ThrowIfNotEqual(mask.Length, width * height, nameof(mask));
        var result = new RgbImage(width, height, [.. image.Pixels]);
        var inside = mask.ToArray();
        for (int round = 0; round < thickness; round++)
        {
            var rest = (bool[])inside.Clone();
            for (int i = 0; i < inside.Length; i++)
            {
                var (y, x) = Math.DivRem(i, width);
                bool inner = x > 0 && x < width - 1 && y > 0 && y < height - 1
                    && inside[i - 1] && inside[i + 1] && inside[i - width] && inside[i + width];
                if (!inside[i] || inner)
                    continue;
                rest[i] = false;
                Set(result, i, color);
            }
            inside = rest;
        }
        return result;
    }

    /// <summary>Images side by side, aligned at the top.</summary>
    /// <param name="gap">Pixels of <paramref name="background"/> between them.</param>
    public static RgbImage SideBySide(IReadOnlyList<RgbImage> images, int gap = 4, Rgb background = default)
    {
        var result = new RgbImage(images.Sum(i => i.Width) + gap * (images.Count - 1), images.Max(i => i.Height));
        for (int i = 0; i < result.Width * result.Height; i++)
            Set(result, i, background);
        int left = 0;
        foreach (var image in images)
        {
            for (int y = 0; y < image.Height; y++)
                image.Pixels.AsSpan(3 * y * image.Width, 3 * image.Width).CopyTo(result.Pixels.AsSpan(3 * (y * result.Width + left)));
            left += image.Width + gap;
        }
        return result;
    }

    private static Rgb Get(RgbImage image, int i) => new(image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]);

    private static void Set(RgbImage image, int i, Rgb color) =>
        (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]) = (color.R, color.G, color.B);
}
