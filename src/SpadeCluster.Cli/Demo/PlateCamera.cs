using SpadeCluster.Features;

namespace SpadeCluster.Cli.Demo;

/// <summary>Photographs plates, with small pose changes, a drifting lamp and sensor noise.</summary>
internal static class PlateCamera
{
    public const int Size = 256;
    private const double PixelsPerUnit = 116, HeightScale = 10;

    /// <param name="seed">Determines the photograph except the defect.</param>
    /// <returns>The photograph and the mask of pixels that show the defect.</returns>
    public static (RgbImage Photograph, bool[] Mask) Photograph(int seed, Defect? defect)
    {
        var random = new Random(seed);
        var scene = new PlateScene((uint)random.Next(), defect);
        double turn = (random.NextDouble() - 0.5) * 0.05, dx = (random.NextDouble() - 0.5) * 6, dy = (random.NextDouble() - 0.5) * 6;
        double exposure = 1 + 0.12 * (random.NextDouble() - 0.5), warmth = 0.03 * (random.NextDouble() - 0.5);
        double lampX = -0.5 + 0.2 * (random.NextDouble() - 0.5), lampY = -0.6 + 0.2 * (random.NextDouble() - 0.5);
        var (cos, sin) = (Math.Cos(turn), Math.Sin(turn));

        SurfacePoint Look(double px, double py)
        {
            double x = (px - Size / 2.0 - dx) / PixelsPerUnit, y = (py - Size / 2.0 - dy) / PixelsPerUnit;
            return scene.At(cos * x + sin * y, -sin * x + cos * y);
        }

        var image = new RgbImage(Size, Size);
        var mask = new bool[Size * Size];
        for (int y = 0; y < Size; y++)
        {
            for (int x = 0; x < Size; x++)
            {
                var point = Look(x + 0.5, y + 0.5);
                // Lambert's law for a surface given by its height: slopes from one-pixel differences.
                double slopeX = (Look(x + 1.5, y + 0.5).Height - point.Height) * HeightScale,
                    slopeY = (Look(x + 0.5, y + 1.5).Height - point.Height) * HeightScale;
                double light = (1 - lampX * slopeX - lampY * slopeY) / Math.Sqrt(1 + slopeX * slopeX + slopeY * slopeY);
                double falloff = 1 - 0.12
                    * (Math.Pow(x / (double)Size - 0.5 - 0.3 * lampX, 2) + Math.Pow(y / (double)Size - 0.5 - 0.3 * lampY, 2)) * 4;
                double gain = Math.Clamp(light, 0.15, 1.9) * falloff * exposure;
                double noise = 0.008 * (random.NextDouble() + random.NextDouble() - 1);
                int at = y * Size + x;
                image.Pixels[3 * at] = ToByte(point.Red * gain * (1 + warmth) + noise);
                image.Pixels[3 * at + 1] = ToByte(point.Green * gain + noise);
                image.Pixels[3 * at + 2] = ToByte(point.Blue * gain * (1 - warmth) + noise);
                mask[at] = point.Defect;
            }
        }
        return (image, mask);
    }

    private static byte ToByte(double value) => (byte)Math.Round(255 * Math.Pow(Math.Clamp(value, 0, 1), 0.85));
}
