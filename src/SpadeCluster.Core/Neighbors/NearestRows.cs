namespace SpadeCluster.Neighbors;

/// <summary>The k nearest rows seen so far, ascending by (distance, row).</summary>
internal sealed class NearestRows(int k)
{
    private readonly ImageMatch[] _rows = new ImageMatch[k];
    private int _count;

    /// <summary>Keeps a row if it is among the k nearest so far.</summary>
    public void Offer(ImageMatch match)
    {
        if (_count == k && (k == 0 || !Precedes(match, _rows[k - 1]))) return;
        int at = _count < k ? _count++ : k - 1;
        for (; at > 0 && Precedes(match, _rows[at - 1]); at--) _rows[at] = _rows[at - 1];
        _rows[at] = match;
    }

    public void Merge(NearestRows other)
    {
        for (int i = 0; i < other._count; i++) Offer(other._rows[i]);
    }

    public ImageMatch[] ToArray() => _rows[.._count];

    private static bool Precedes(ImageMatch a, ImageMatch b) => a.Distance != b.Distance ? a.Distance < b.Distance : a.Row < b.Row;
}
