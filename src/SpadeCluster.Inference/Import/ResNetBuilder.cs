using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Import;

/// <summary>Writes a residual network with folded batch normalisation as an ONNX graph with the outputs layer1, layer2,
/// layer3 and, where there is a fourth stage, pooled (its spatial mean).</summary>
internal sealed class ResNetBuilder
{
    private const float Epsilon = 1e-5f;
    private const int InputSize = 224, StemChannels = 64;
    private readonly ResNetArchitecture _architecture;
    private readonly IWeights _weights;
    private readonly GraphBuilder _graph;
    private int _channels = 3, _size = InputSize;

    private ResNetBuilder(ResNetArchitecture architecture, IWeights weights) =>
        (_architecture, _weights, _graph) = (architecture, weights, new GraphBuilder(architecture.Name, "image", 3, InputSize, InputSize));

    public static InferenceModel Build(ResNetArchitecture architecture, IWeights weights, string licence, string origin)
    {
        byte[] network = new ResNetBuilder(architecture, weights).Network();
        float[] mean = [0.485f, 0.456f, 0.406f], deviation = [0.229f, 0.224f, 0.225f];
        bool caffe = architecture.CaffeStyle;
        var manifest = new ModelManifest(
            architecture.Name, InputSize, InputSize, caffe ? ChannelOrder.BGR : ChannelOrder.RGB,
            caffe ? [103.0626f, 115.9029f, 123.1516f] : [.. mean.Select(m => m * 255)],
            caffe ? [1, 1, 1] : [.. deviation.Select(d => d * 255)],
            ["layer1", "layer2", "layer3"], architecture.Blocks.Length > 3 ? new PooledSource(Output: "pooled")
                : new PooledSource(MeanOf: "layer3"),
            WeightChannels: false, InferenceModel.DigestOf(network), licence, origin);
        return InferenceModel.Create(manifest, network, architecture.Name);
    }

    private byte[] Network()
    {
        string x = ConvBn("image", "conv1", "bn1", StemChannels, 7, 2, bias: _architecture.CaffeStyle, relu: true);
        // Caffe's ceil mode on an even size: the same count of windows, but all padding is at the bottom and right.
        x = _graph.MaxPool(x, "maxpool", 3, 2, _architecture.CaffeStyle ? [0, 0, 0, 0] : [1, 1, 1, 1], ceil: _architecture.CaffeStyle);
        _size = (_size + 1) / 2;
        for (int stage = 0; stage < _architecture.Blocks.Length; stage++)
        {
            string name = $"layer{stage + 1}";
            int width = StemChannels << stage, blocks = _architecture.Blocks[stage];
            for (int block = 0; block < blocks; block++)
                x = Block(x, $"{name}.{block}", width, block == 0 && stage > 0 ? 2 : 1, block == blocks - 1 ? name : $"{name}.{block}");
            if (stage < 3) _graph.Output(name, _channels, _size, _size);
        }
        if (_architecture.Blocks.Length > 3)
        {
            _graph.Flatten(_graph.Node("GlobalAveragePool", "avgpool", [x]), "pooled");
            _graph.Output("pooled", _channels);
        }
        return _graph.Build();
    }

    private string Block(string x, string name, int width, int stride, string output)
    {
        int outChannels = width * _architecture.Expansion, inChannels = _channels, inSize = _size;
        string y;
        if (_architecture.Bottleneck)
        {
            int middle = width * _architecture.WidthFactor;
            bool early = _architecture.CaffeStyle;
            y = ConvBn(x, $"{name}.conv1", $"{name}.bn1", middle, 1, early ? stride : 1, relu: true);
            y = ConvBn(y, $"{name}.conv2", $"{name}.bn2", middle, 3, early ? 1 : stride, relu: true);
            y = ConvBn(y, $"{name}.conv3", $"{name}.bn3", outChannels, 1, 1);
        }
        else
        {
            y = ConvBn(x, $"{name}.conv1", $"{name}.bn1", width, 3, stride, relu: true);
            y = ConvBn(y, $"{name}.conv2", $"{name}.bn2", width, 3, 1);
        }
        if (stride != 1 || inChannels != outChannels)
        {
            (_channels, _size) = (inChannels, inSize);
            x = ConvBn(x, $"{name}.downsample.0", $"{name}.downsample.1", outChannels, 1, stride);
        }
        return _graph.Node("Relu", output, [_graph.Node("Add", $"{name}.add", [y, x])]);
    }

    /// <summary>Convolution with folded batch normalisation, and optionally Relu.</summary>
    private string ConvBn(string x, string conv, string bn, int outChannels, int kernel, int stride, bool bias = false, bool relu = false)
    {
        float[] weights = _weights.Get($"{conv}.weight", outChannels, _channels, kernel, kernel);
        float[] biases = bias ? _weights.Get($"{conv}.bias", outChannels) : new float[outChannels];
        float[] Parameter(string p) => _weights.Get($"{bn}.{p}", outChannels);
        var (scale, shift) = BatchNormalisation.Affine(Parameter("weight"), Parameter("bias"), Parameter("running_mean"),
            Parameter("running_var"), Epsilon);
        (weights, biases) = BatchNormalisation.Fold(weights, biases, scale, shift);
        int pad = kernel / 2;
        string y = _graph.Conv(x, conv, [outChannels, _channels, kernel, kernel], weights, biases, stride, stride, [pad, pad, pad, pad]);
        _channels = outChannels;
        _size = (_size + stride - 1) / stride;
        return relu ? _graph.Node("Relu", $"{conv}.relu", [y]) : y;
    }
}
