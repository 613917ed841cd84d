using SpadeCluster.Neighbors;

namespace SpadeCluster.Tests.Neighbors;

public sealed class ImageIndexTests
{
    private static float[] Random(Random random, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => (float)(random.NextDouble() * 3 - 1))];

    private static ImageMatch[] BruteForce(IEnumerable<float[]> rows, float[] query, float[]? weights, int k) =>
        [.. rows.Select((r, i) => new ImageMatch(i, PixelDistance.SquaredScalar(query, r, weights))).OrderBy(m => m.Distance)
            .ThenBy(m => m.Row).Take(k)];

    [Theory]
    [InlineData(64, false)]
    [InlineData(100, true)]
    [InlineData(2048, false)]
    public void Finds_what_brute_force_finds_bit_for_bit(int length, bool weighted)
    {
        var random = new Random(length);
        float[]? weights = weighted ? [.. Random(random, length).Select(w => MathF.Exp(3 * w))] : null;
        using var index = new ImageIndex(length, weights);
        // Several blocks, several work items, and duplicates, whose ties go to the lowest row.
        var rows = Enumerable.Range(0, 1500).Select(_ => Random(random, length)).ToList();
        rows.AddRange(rows.Take(300).ToArray());
        foreach (var row in rows) index.Add(row);
        var queries = Enumerable.Range(0, 19).Select(i => i % 4 == 0 ? rows[i] : Random(random, length)).ToArray();
        foreach (int k in new[] { 1, 50, 5000 })
            foreach (var path in SimdPaths.Supported)
                for (int threads = 1; threads <= 3; threads++)
                {
                    var found = index.Search([.. queries.Select(q => (ReadOnlyMemory<float>)q)], k, threads, path, default);
                    for (int q = 0; q < queries.Length; q += k == 5000 ? 9 : 1)
                        Assert.Equal(BruteForce(rows, queries[q], weights, k), found[q]);
                }
        Assert.Equal(rows[7], index.Row(7).ToArray());
    }

    [Theory]
    [InlineData(10, 30, 30 * 64 * 4)]
    [InlineData(2048, 30, 30 * 2048 * 4)]
    [InlineData(2048, 1025, 2 * (8 << 20))]
    [InlineData(2048, 0, 0)]
    public void An_index_takes_no_more_than_the_rows_it_was_told_to_expect_need(int length, int rows, long bytes)
        => Assert.Equal(bytes, ImageIndex.ResidentBytes(length, rows));

    [Fact]
    public async Task Rows_can_be_added_while_others_search()
    {
        var random = new Random(5);
        var rows = Enumerable.Range(0, 3000).Select(_ => Random(random, 70)).ToArray();
        using var index = new ImageIndex(70);
        index.Add(rows[0]);
        var adding = Task.Run(() => { foreach (var row in rows[1..]) index.Add(row); });
        int seen = 0;
        while (seen < rows.Length)
        {
            int before = index.Count;
            var found = index.Search([rows[0]], rows.Length, threads: 2)[0];
            Assert.InRange(found.Length, Math.Max(before, seen), rows.Length);
            Assert.Equal(BruteForce(rows.Take(found.Length), rows[0], null, 10), found.Take(10));
            seen = found.Length;
        }
        await adding;
    }

    [Fact]
    public void Refuses_other_lengths_and_values_that_are_not_finite()
    {
        using var index = new ImageIndex(20);
        Assert.Empty(index.Search([new float[20]], 3)[0]);
        Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => index.Add(new float[19])).Error);
        foreach (int at in new[] { 0, 19 })
            foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
            {
                var row = new float[20];
                row[at] = bad;
                Assert.Throws<SpadeException>(() => index.Add(row));
                Assert.Throws<SpadeException>(() => index.Search([row], 1));
            }
        Assert.Equal(0, index.Count);
        Assert.Throws<SpadeException>(() => new ImageIndex(2, [1, 0]));
        Assert.Throws<OperationCanceledException>(() =>
            { index.Add(new float[20]); index.Search([new float[20]], 1, 1, new CancellationToken(true)); });
    }
}
