namespace SpadeCluster.Scoring;

/// <summary>A connected set of pixels (8 neighbours) above theta. Input pixels.</summary>
/// <param name="X">Left edge of the bounding box.</param>
/// <param name="Y">Top edge.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Area">Pixels.</param>
/// <param name="Peak">Highest map value, at (<paramref name="PeakX"/>, <paramref name="PeakY"/>).</param>
public sealed record AnomalyRegion(int X, int Y, int Width, int Height, int Area, float Peak, int PeakX, int PeakY)
{
    /// <summary>All regions above <paramref name="threshold"/>, highest peak first.</summary>
    public static IReadOnlyList<AnomalyRegion> Find(AnomalyMap map, double threshold)
    {
        var values = map.Values;
        var regions = new List<AnomalyRegion>();
        foreach (var pixels in ConnectedComponents.Find(map.Above(threshold), map.Width))
        {
            int left = int.MaxValue, right = -1, top = int.MaxValue, bottom = -1, peak = pixels[0];
            foreach (int at in pixels)
            {
                var (y, x) = Math.DivRem(at, map.Width);
                (left, right, top, bottom) = (Math.Min(left, x), Math.Max(right, x), Math.Min(top, y), Math.Max(bottom, y));
                if (values[at] > values[peak] || (values[at] == values[peak] && at < peak)) peak = at;
            }
            regions.Add(new AnomalyRegion(left, top, right - left + 1, bottom - top + 1, pixels.Count, values[peak], peak % map.Width,
                peak / map.Width));
        }
        regions.Sort((a, b) => a.Peak != b.Peak ? b.Peak.CompareTo(a.Peak) : (a.PeakY, a.PeakX).CompareTo((b.PeakY, b.PeakX)));
        return regions;
    }
}
