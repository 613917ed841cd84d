namespace SpadeCluster.Cli.Demo;

/// <summary>Seeded, smooth lattice noise from -1 to 1; the same values on every platform and in every release.</summary>
internal readonly struct ValueNoise(uint seed)
{
    public double At(double x, double y)
    {
        double fx = Math.Floor(x), fy = Math.Floor(y);
        int ix = (int)fx, iy = (int)fy;
        double tx = Smooth(x - fx), ty = Smooth(y - fy);
        double top = Lerp(Lattice(ix, iy), Lattice(ix + 1, iy), tx), bottom = Lerp(Lattice(ix, iy + 1), Lattice(ix + 1, iy + 1), tx);
        return Lerp(top, bottom, ty);
    }

    private double Lattice(int x, int y)
    {
        uint h = seed ^ ((uint)x * 0x9E3779B1u) ^ ((uint)y * 0x85EBCA77u);
        h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
        h = (h ^ (h >> 12)) * 0x297A2D39u;
        h ^= h >> 15;
        return h / (double)uint.MaxValue * 2 - 1;
    }

    private static double Smooth(double t) => t * t * (3 - 2 * t);
    private static double Lerp(double a, double b, double t) => a + (b - a) * t;
}
