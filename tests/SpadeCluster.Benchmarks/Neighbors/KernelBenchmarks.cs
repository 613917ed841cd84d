using BenchmarkDotNet.Attributes;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Benchmarks.Neighbors;

/// <summary>The inner loops of the pixel search at ResNet shape, on each path of the machine.</summary>
public unsafe class KernelBenchmarks
{
    private const int Groups = 13, RootPairs = 512, Quads = 196;
    private readonly AlignedBuffer<short> _rootQuery = new(Groups * RootKernel.Group * 2 * RootPairs),
        _rootRows = new(RootKernel.TileRows * 2 * RootPairs);
    private readonly AlignedBuffer<float> _rootTerms = new(2 * Groups * RootKernel.Group), _rowTerms = new(2 * RootKernel.TileRows);
    private readonly AlignedBuffer<float> _rootBounds = new(RootKernel.TileRows * Groups * RootKernel.Group);
    private readonly AlignedBuffer<short> _codes = new(Quads * 8 * 256);
    private readonly AlignedBuffer<float> _terms = new(8 * Quads), _limits = new(4 * Quads), _coarse = new(Quads),
        _bounds = new(16 * Quads);
    private readonly AlignedBuffer<int> _order = new(Quads);
    private readonly AlignedBuffer<ushort> _live = new(Quads);
    private readonly AlignedBuffer<float> _a = new(1024), _b = new(1024);
    private readonly Half[] _halves = new Half[512];
    private readonly BlockKernel.Gallery _gallery = new(256);

    [ParamsSource(nameof(Paths))]
    public int Path { get; set; }

    public static IEnumerable<int> Paths => SimdPaths.Supported.Select(p => (int)p);

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        random.NextBytes(new Span<byte>(_rootQuery.Pointer, (int)_rootQuery.Length));
        random.NextBytes(new Span<byte>(_codes.Pointer, (int)_codes.Length));
        for (int i = 0; i < Quads; i++) _order.Pointer[i] = i;
        for (int i = 0; i < 1024; i++) (_a.Pointer[i], _b.Pointer[i]) = (random.NextSingle(), random.NextSingle());
    }

    [Benchmark(Description = "root: 14 x 208 cells, 1024 channels")]
    public void Root() => RootKernel.Bound(_rootQuery.Pointer, _rootTerms.Pointer, _rootTerms.Pointer + Groups * RootKernel.Group, Groups,
        _rootRows.Pointer, _rowTerms.Pointer,
        RootKernel.TileRows, RootPairs, _rootBounds.Pointer, Groups * RootKernel.Group, (SimdPath)Path);

    [Benchmark(Description = "block: 196 blocks, 32 coordinates")]
    public void Sketch() => Block(16);

    [Benchmark(Description = "block: 196 blocks, 512 channels")]
    public void Full() => Block(256);

    [Benchmark(Description = "distance by the definition, 512 channels")]
    public float Distance() => PixelDistance.Squared(_a.Pointer, _b.Pointer, null, 512, (SimdPath)Path);

    [Benchmark(Description = "widen 512 halves")]
    public void Widen() => HalfConversion.Widen(_halves, new Span<float>(_a.Pointer, 512));

    private void Block(int pairs) =>
        BlockKernel.Bound(_gallery, new QuadRows(_codes.Pointer, _terms.Pointer, _terms.Pointer + 4 * Quads, pairs),
        _order.Pointer, _coarse.Pointer, Quads, _limits.Pointer, 0xFFFF, _bounds.Pointer, _live.Pointer, (SimdPath)Path);
}
