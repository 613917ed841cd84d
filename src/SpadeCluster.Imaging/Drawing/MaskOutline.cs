using System.Globalization;
using System.Text;

namespace SpadeCluster.Imaging;

/// <summary>The outline of a mask as SVG path data.</summary>
public static class MaskOutline
{
    /// <summary>Every side between a set and an unset pixel, one unit a pixel.</summary>
    /// <param name="mask">[y][x].</param>
    public static string Path(bool[] mask, int width)
    {
        int height = mask.Length / width;
        bool At(int x, int y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
        var path = new StringBuilder();
        for (int y = 0; y <= height; y++)
            Runs(width, x => At(x, y - 1) != At(x, y), (from, to) => path.Append(CultureInfo.InvariantCulture, $"M{from} {y}H{to}"));
        for (int x = 0; x <= width; x++)
            Runs(height, y => At(x - 1, y) != At(x, y), (from, to) => path.Append(CultureInfo.InvariantCulture, $"M{x} {from}V{to}"));
        return path.ToString();
    }

    private static void Runs(int length, Func<int, bool> set, Action<int, int> run)
    {
        int start = -1;
        for (int i = 0; i <= length; i++)
        {
            bool on = i < length && set(i);
            if (on && start < 0) start = i;
            if (on || start < 0) continue;
            run(start, i);
            start = -1;
        }
    }
}
