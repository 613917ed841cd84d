using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.BuiltIn;

/// <summary>
/// A network without trained weights. At five octaves of the image it computes the local energy of luminance and two opponent colours in
/// four orientations, luminance relative to its surroundings (to reduce the effect of lighting drift), and bright and dark blobs, on three
/// grids. All borders are reflected, because zero padding would respond to the image border.
/// </summary>
internal sealed class OrientedEnergyGraph
{
    public const int InputSize = 224, Channels = 45, PooledLength = 2 * 3 * Channels;
    private const int Octaves = 5, Orientations = MorletBank.Orientations, OctavesPerLevel = 3;
    private const double LuminanceSigma = 0.8, ChromaSigma = 1.0;
    private const float ContrastFloor = 0.05f, RmsFloor = 0.01f, EnergyFloor = 1e-8f;
    private static readonly float[] Binomial3 = [0.25f, 0.5f, 0.25f];
    private static readonly float[] Binomial5 = [.. new[] { 1, 4, 6, 4, 1 }.Select(v => v / 16f)];
    private static readonly float[] Binomial9 = [.. new[] { 1, 8, 28, 56, 70, 56, 28, 8, 1 }.Select(v => v / 256f)];
    private readonly GraphBuilder _graph = new("oriented-energy", "image", 3, InputSize, InputSize);
    private readonly string[] _luminance = new string[Octaves], _chroma = new string[Octaves], _features = new string[Octaves];

    public static byte[] Build() => new OrientedEnergyGraph().Network();

    private byte[] Network()
    {
        string x = Standardise("image");
        const float Third = 1f / 3;
        _luminance[0] = _graph.Conv(x, "octave0.y", [1, 3, 1, 1], [Third, Third, Third]);
        _chroma[0] = _graph.Conv(x, "octave0.o", [2, 3, 1, 1], [1, -1, 0, 0.5f, 0.5f, -1]); // red-green, yellow-blue
        for (int octave = 0; octave < Octaves; octave++)
        {
            if (octave > 0)
            {
                _luminance[octave] = Blur(_luminance[octave - 1], $"octave{octave}.y", 1, Binomial5, stride: 2);
                _chroma[octave] = Blur(_chroma[octave - 1], $"octave{octave}.o", 2, Binomial5, stride: 2);
            }
            _features[octave] = Features(octave);
        }
        string[] levels = [.. Enumerable.Range(0, Octaves - OctavesPerLevel + 1).Select(Level)];
        string[] pooled = [.. levels.Select(l => _graph.Reduce("ReduceMean", l, $"{l}.mean", [2, 3], keepDims: false)),
            .. levels.Select(l => _graph.Reduce("ReduceMax", l, $"{l}.max", [2, 3], keepDims: false))];
        _graph.Concat("pooled", pooled);
        _graph.Output("pooled", PooledLength);
        return _graph.Build();
    }

    /// <summary>Zero mean and unit contrast over the whole image, for all channels together, so that colours keep their balance.</summary>
    private string Standardise(string x)
    {
        string centred = Op("Sub", "centred", x, _graph.Reduce("ReduceMean", x, "mean", [1, 2, 3]));
        string variance = _graph.Reduce("ReduceMean", Op("Mul", "squared", centred, centred), "variance", [1, 2, 3]);
        string contrast = Op("Add", "contrast", _graph.Node("Sqrt", "rms", [variance]), _graph.Scalar(RmsFloor));
        return Op("Div", "standardised", centred, contrast);
    }

    /// <summary>The 14 feature channels of an octave: 4 luminance energies, 8 chroma energies, bright and dark blobs.</summary>
    private string Features(int octave)
    {
        string name = $"octave{octave}";
        string y = Energy(_luminance[octave], $"{name}.yenergy", 1, LuminanceSigma);
        string mean = _graph.Reduce("ReduceMean", y, $"{name}.ymean", [1]);
        string around = Op("Add", $"{name}.yaround", Blur(mean, $"{name}.yblur", 1, Binomial9), _graph.Scalar(ContrastFloor));
        string relative = Op("Div", $"{name}.yrelative", y, around);
        string o = Energy(_chroma[octave], $"{name}.oenergy", 2, ChromaSigma);

        // Binomial9 is the 5-tap binomial twice.
        string d = Op("Sub", $"{name}.d", _luminance[octave], Blur(_luminance[octave], $"{name}.dblur", 1, Binomial9));
        string size = Blur(_graph.Node("Abs", $"{name}.dabs", [d]), $"{name}.dsize", 1, Binomial9);
        string blob = Op("Div", $"{name}.blob", d, Op("Add", $"{name}.daround", size, _graph.Scalar(ContrastFloor)));
        string bright = _graph.Node("Relu", $"{name}.bright", [blob]);
        string dark = _graph.Node("Relu", $"{name}.dark", [Op("Mul", $"{name}.negative", blob, _graph.Scalar(-1))]);
        return _graph.Concat($"{name}.features", relative, o, bright, dark);
    }

    /// <summary>sqrt(re^2 + im^2 + floor) of the Morlet filters, [channel][orientation].</summary>
    private string Energy(string x, string name, int channels, double sigma)
    {
        int pairs = channels * Orientations, pad = MorletBank.Size / 2;
        float[] filters = MorletBank.Filters(sigma), weights = [.. Enumerable.Repeat(filters, channels).SelectMany(f => f)];
        string parts = _graph.Conv(Pad(x, $"{name}.padded", pad), $"{name}.parts", [2 * pairs, 1, MorletBank.Size, MorletBank.Size],
            weights, groups: channels);
        float[] ones = [.. Enumerable.Repeat(1f, 2 * pairs)], floor = [.. Enumerable.Repeat(EnergyFloor, pairs)];
        string sum = _graph.Conv(Op("Mul", $"{name}.squares", parts, parts), $"{name}.sum", [pairs, 2, 1, 1], ones, floor, groups: pairs);
        return _graph.Node("Sqrt", name, [sum]);
    }

    /// <summary>Level <paramref name="index"/> collects three octaves on the grid of its coarsest one.</summary>
    private string Level(int index)
    {
        string name = $"level{index + 1}";
        int coarsest = index + OctavesPerLevel - 1, grid = InputSize >> coarsest;
        var parts = new List<string>
        {
            Smooth(_luminance[coarsest], $"{name}.y", 1),
            Smooth(_chroma[coarsest], $"{name}.o", 2),
        };
        for (int octave = index; octave <= coarsest; octave++)
        {
            int ratio = 1 << (coarsest - octave);
            string part = $"{name}.octave{octave}";
            parts.Add(ratio == 1
                ? Smooth(_features[octave], part, 14)
                : _graph.AveragePool(Pad(_features[octave], $"{part}.padded", ratio / 2), part, 2 * ratio, ratio));
        }
        _graph.Concat(name, [.. parts]);
        _graph.Output(name, Channels, grid, grid);
        return name;
    }

    private string Smooth(string x, string name, int channels) => Blur(x, name, channels, Binomial3);

    /// <summary>A separable blur of each channel, columns first, with reflected borders.</summary>
    private string Blur(string x, string name, int channels, float[] taps, int stride = 1)
    {
        float[] weights = [.. Enumerable.Repeat(taps, channels).SelectMany(t => t)];
        string padded = Pad(x, $"{name}.padded", taps.Length / 2);
        string rows = _graph.Conv(padded, $"{name}.vertical", [channels, 1, taps.Length, 1], weights, strideY: stride, groups: channels);
        return _graph.Conv(rows, name, [channels, 1, 1, taps.Length], weights, strideX: stride, groups: channels);
    }

    private string Pad(string x, string name, int size) => _graph.PadReflect(x, name, size, size, size, size);
    private string Op(string op, string name, string a, string b) => _graph.Node(op, name, [a, b]);
}
