namespace SpadeCluster.Evaluation;

/// <summary>All pixels that score at least <paramref name="Threshold"/>.</summary>
/// <param name="Defect">Those inside true defects.</param>
/// <param name="Outside">Those outside them, in all images.</param>
/// <param name="OnNormals">Those in images without a defect.</param>
public readonly record struct PixelStep(float Threshold, long Defect, long Outside, long OnNormals);

/// <summary>
/// Exact counts of pixels by score and truth. A score's bits are its index in a table of pages, so memory depends on the range of the
/// scores (25 MB for each doubling at most, twice that where scores have more than 255 pixels each) and not on the number of images, and
/// nothing is sorted or rounded.
/// </summary>
/// <param name="dropped">Last bits of a score that are left out, so that memory is 2^dropped times smaller: it is rounded down by less than
/// 2^(dropped - 23) of it.</param>
public sealed class PixelCounts(int dropped = 0)
{
    private const int PageBits = 12, PageLength = 1 << PageBits, Pages = 1 << (32 - PageBits), Kinds = 3, Bytes = sizeof(long);

    /// <summary>[kind of pixel, byte of the count, lowest first][page][score]: few pixels have the same score, so that higher bytes are
    /// rarely there.</summary>
    private readonly byte[]?[]?[,] _pages = new byte[Kinds, Bytes][][];

    private readonly bool[] _used = new bool[Pages];

    /// <summary>Pixels inside true defects.</summary>
    public long Defect { get; private set; }

    /// <summary>Pixels outside true defects.</summary>
    public long Outside { get; private set; }

    /// <summary>Pixels of images without a defect.</summary>
    public long OnNormals { get; private set; }

    /// <param name="map">Higher is more anomalous; no NaN.</param>
    /// <param name="mask">The truth, same length. An image with an empty mask is a normal one.</param>
    public void Add(ReadOnlySpan<float> map, ReadOnlySpan<bool> mask)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(map.Length, mask.Length, nameof(mask));
        int other = mask.Contains(true) ? 1 : 2;
        for (int i = 0; i < map.Length; i++)
        {
            if (float.IsNaN(map[i])) throw new ArgumentException("a score is NaN", nameof(map));
            int key = KeyOf(map[i]) >>> dropped;
            Count(mask[i] ? 0 : other, key >>> PageBits, key & (PageLength - 1));
        }
        int defect = mask.Count(true);
        Defect += defect;
        Outside += mask.Length - defect;
        if (defect == 0) OnNormals += mask.Length;
    }

    /// <summary>Cumulative counts at each distinct score, the highest first.</summary>
    public IEnumerable<PixelStep> Steps()
    {
        long defect = 0, outside = 0, normals = 0;
        long[][] counts = [.. Enumerable.Range(0, Kinds).Select(_ => new long[PageLength])];
        for (int p = Pages - 1; p >= 0; p--)
        {
            if (!_used[p]) continue;
            for (int kind = 0; kind < Kinds; kind++) Read(kind, p, counts[kind]);
            for (int slot = PageLength - 1; slot >= 0; slot--)
            {
                var (inside, beside, clean) = (counts[0][slot], counts[1][slot], counts[2][slot]);
                if ((inside | beside | clean) == 0) continue;
                defect += inside;
                outside += beside + clean;
                normals += clean;
                yield return new PixelStep(ScoreOf((p << PageBits | slot) << dropped), defect, outside, normals);
            }
        }
    }

    /// <summary>Adds 1 to a count whose bytes are in different pages.</summary>
    private void Count(int kind, int page, int slot)
    {
        _used[page] = true;
        for (int b = 0; b < Bytes; b++)
        {
            byte[] bytes = (_pages[kind, b] ??= new byte[Pages][])[page] ??= new byte[PageLength];
            if (++bytes[slot] != 0) return;
        }
    }

    /// <summary>Reads the counts of one page, zeros where there is none.</summary>
    private void Read(int kind, int page, long[] counts)
    {
        Array.Clear(counts);
        for (int b = 0; b < Bytes && _pages[kind, b]?[page] is { } bytes; b++)
            for (int i = 0; i < counts.Length; i++) counts[i] |= (long)bytes[i] << (8 * b);
    }

    public RankedScores Ranked() => new(Steps().Select(s => (s.Threshold, s.Defect, s.Outside)), Defect, Outside);

    // As unsigned numbers, keys have the order of the scores: negative floats have descending bits, positive ones ascending bits.
    private static int KeyOf(float score)
    {
        int bits = BitConverter.SingleToInt32Bits(score + 0f); // -0 becomes 0
        return bits < 0 ? ~bits : bits | int.MinValue;
    }

    private static float ScoreOf(int key) => BitConverter.Int32BitsToSingle(key < 0 ? key & int.MaxValue : ~key);
}
