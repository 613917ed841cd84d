using BenchmarkDotNet.Attributes;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Benchmarks.Neighbors;

/// <summary>The image search, one query and several in one pass over the rows.</summary>
public class ImageIndexBenchmarks
{
    private const int Length = 2048;
    private readonly ImageIndex _index = new(Length);
    private ReadOnlyMemory<float>[] _queries = [];

    [Params(1, 8)]
    public int Queries { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        var row = new float[Length];
        for (int i = 0; i < 20_000; i++)
        {
            for (int c = 0; c < Length; c++) row[c] = random.NextSingle();
            _index.Add(row);
        }
        _queries = [.. Enumerable.Range(0, Queries).Select(q => (ReadOnlyMemory<float>)_index.Row(q).ToArray())];
    }

    [Benchmark(Description = "20,000 x 2048, 50 nearest")]
    public ImageMatch[][] Search() => _index.Search(_queries, 50);
}
