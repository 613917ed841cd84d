using System.Numerics;

namespace SpadeCluster.Inference.BuiltIn;

/// <summary>
/// Oriented band-pass filters: Morlet wavelets psi = g (e^(i xi u) - beta), where g is an elongated Gaussian, u the coordinate along the
/// orientation, and beta such that the filter ignores constant brightness (Bruna and Mallat 2013).
/// </summary>
internal static class MorletBank
{
    public const int Size = 7, Orientations = 4;
    private const double Frequency = 3 * Math.PI / 4, Elongation = 0.25, AbsoluteSum = 2;

    /// <summary>Real and imaginary parts, [orientation][re, im][Size][Size].</summary>
    /// <param name="sigma">Width of the Gaussian along the orientation, in pixels.</param>
    public static float[] Filters(double sigma)
    {
        var weights = new float[Orientations * 2 * Size * Size];
        for (int t = 0; t < Orientations; t++)
        {
            double angle = Math.PI * t / Orientations, cos = Math.Cos(angle), sin = Math.Sin(angle);
            var g = new double[Size * Size];
            var wave = new Complex[Size * Size];
            for (int y = 0; y < Size; y++)
                for (int x = 0; x < Size; x++)
                {
                    double dx = x - (Size / 2), dy = y - (Size / 2), u = (dx * cos) + (dy * sin), v = (dy * cos) - (dx * sin);
                    g[(y * Size) + x] = Math.Exp(-((u * u) + (Elongation * v * v)) / (2 * sigma * sigma));
                    wave[(y * Size) + x] = Complex.FromPolarCoordinates(1, Frequency * u);
                }
            Complex beta = Complex.Zero;
            for (int i = 0; i < g.Length; i++) beta += g[i] * wave[i];
            beta /= g.Sum();
            Complex[] psi = [.. g.Select((w, i) => w * (wave[i] - beta))];
            double scale = AbsoluteSum / psi.Sum(p => p.Magnitude);
            for (int i = 0; i < psi.Length; i++)
            {
                weights[(t * 2 * psi.Length) + i] = (float)(scale * psi[i].Real);
                weights[(((t * 2) + 1) * psi.Length) + i] = (float)(scale * psi[i].Imaginary);
            }
        }
        return weights;
    }
}
