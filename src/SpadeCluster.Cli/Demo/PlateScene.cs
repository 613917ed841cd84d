namespace SpadeCluster.Cli.Demo;

/// <summary>A point of the scene: the height of the surface, its colour, and whether it belongs to a defect.</summary>
internal readonly record struct SurfacePoint(double Height, double Red, double Green, double Blue, bool Defect)
{
    public SurfacePoint Tint(double r, double g, double b) => this with { Red = Red * r, Green = Green * g, Blue = Blue * b };
}

/// <summary>
/// A machined plate, 2 units wide and high around the origin: brushed face, bevelled edge, four spot-faced bores, a turned boss
/// in the middle with a keyway. Lengths in plate units; one unit is about 100 pixels.
/// </summary>
internal sealed class PlateScene(uint seed, Defect? defect)
{
    public const double HalfSize = 0.92, HoleRadius = 0.1, SpotFace = 0.155, BossRadius = 0.34;
    public static readonly (double X, double Y)[] Holes = [(-0.62, -0.62), (0.62, -0.62), (0.62, 0.62), (-0.62, 0.62)];

    private readonly ValueNoise _brush = new(seed), _grain = new(seed ^ 0xA511E9B3u), _dirt = new(seed ^ 0x63D83595u);

    public SurfacePoint At(double x, double y)
    {
        double edge = Math.Max(Math.Abs(x), Math.Abs(y)) - HalfSize + 0.12 * Math.Max(0, CornerDistance(x, y) - 0.06);
        SurfacePoint point;
        if (edge > 0)
        {
            double felt = 0.055 + 0.012 * _grain.At(x * 40, y * 40);
            point = new SurfacePoint(-0.2, felt, felt * 1.02, felt * 1.1, false);
        }
        else
        {
            point = Face(x, y, edge);
        }
        return defect?.Apply(point, x, y, edge, _dirt) ?? point;
    }

    private SurfacePoint Face(double x, double y, double edge)
    {
        // Brushing runs along x: noise stretched sixty to one.
        double brushed = 0.6 * _brush.At(x * 3, y * 180) + 0.4 * _brush.At(x * 9 + 50, y * 90);
        double value = 0.60 + 0.045 * brushed + 0.015 * _grain.At(x * 55, y * 55);
        double height = edge > -0.05 ? -(edge + 0.05) * 0.8 : 0;

        double radius = Math.Sqrt(x * x + y * y);
        if (radius < BossRadius)
        {
            // Turning marks: rings around the boss with varying strength.
            value = 0.68 + 0.035 * Math.Sin(radius * 190) * (0.7 + 0.3 * _brush.At(Math.Atan2(y, x) * 2 + 9, 3))
                + 0.02 * _grain.At(x * 50, y * 50);
            height += 0.06 * Math.Min(1, (BossRadius - radius) / 0.04);
            bool keyway = Math.Abs(x) < 0.045 && y < 0 && y > -0.26;
            if (radius < 0.13 || keyway) (value, height) = (0.16, -0.15);
        }
        for (int i = 0; i < Holes.Length; i++)
        {
            // A turned spot face around each bore; without a bore, the spot face extends to its centre.
            double d = Math.Sqrt(Math.Pow(x - Holes[i].X, 2) + Math.Pow(y - Holes[i].Y, 2));
            if (d >= SpotFace) continue;
            if (d < HoleRadius && defect?.MissingHole != i) (value, height) = (0.07 + 0.02 * _grain.At(x * 30, y * 30), -0.2);
            else (value, height) = (0.72 + 0.04 * Math.Sin(d * 230), height - 0.05 * Math.Min(1, (SpotFace - d) / 0.02));
        }
        return new SurfacePoint(height, value * 0.985, value, value * 1.025, false);
    }

    private static double CornerDistance(double x, double y)
        => Math.Sqrt(Math.Pow(Math.Max(Math.Abs(x) - 0.8, 0), 2) + Math.Pow(Math.Max(Math.Abs(y) - 0.8, 0), 2));
}
