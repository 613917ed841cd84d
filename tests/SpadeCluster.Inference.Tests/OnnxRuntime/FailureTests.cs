using System.Reflection;
using Microsoft.ML.OnnxRuntime;
using SpadeCluster.Features;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.Onnx;
using SpadeCluster.Inference.Tests;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

/// <summary>Bad models, bad images, lost devices: each has its error and one sentence.</summary>
public class FailureTests
{
    private static SpadeException Fails(InferenceModel model, SpadeError error)
    {
        var e = Assert.Throws<SpadeException>(() => new OnnxRuntimeExtractor(model).Dispose());
        Assert.Equal(error, e.Error);
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }

    private static InferenceModel Of(byte[] network, int size = 16)
        => InferenceModel.Create(SmallModels.Manifest(network, size), network, "test model");

    private static InferenceModel Changed(Action<ModelProto> change)
    {
        var proto = ModelProto.Parser.ParseFrom(SmallModels.Of(Convolution).Network.Span);
        change(proto);
        return Of(Google.Protobuf.MessageExtensions.ToByteArray(proto));
    }

    private static void Convolution(GraphBuilder g)
        => g.Conv("image", "level", [4, 3, 1, 1], [.. Enumerable.Range(1, 12).Select(i => i / 12f)]);

    [Fact]
    public void Damaged_networks()
    {
        byte[] whole = SmallModels.Of(Convolution).Network.ToArray();
        Assert.Contains("damaged or truncated", Fails(Of(whole[..^3]), SpadeError.InvalidArgument).Message);
        Assert.Contains("no ONNX graph", Fails(Of([]), SpadeError.InvalidArgument).Message);
        Fails(Of("this is no network"u8.ToArray()), SpadeError.InvalidArgument);
    }

    [Fact]
    public void Mutated_and_truncated_networks_are_refused_or_run_but_never_crash()
    {
        byte[] good = SmallModels.Of(Convolution).Network.ToArray();
        int refused = 0;
        foreach (byte[] bytes in SmallModels.Damaged(good, 1000, seed: 1))
        {
            try
            {
                new OnnxRuntimeExtractor(Of(bytes)).Dispose();
            }
            catch (SpadeException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, good.Length, 999);
    }

    [Fact]
    public void An_operator_that_no_output_needs_is_dropped()
    {
        new OnnxRuntimeExtractor(SmallModels.Of(g =>
        {
            Convolution(g);
            g.Node("NoSuchOperator", "probabilities", ["level"]);
        })).Dispose();
    }

    [Theory]
    [InlineData(6)]
    [InlineData(24)]
    [InlineData(999)]
    public void Operator_sets_that_are_too_old_or_too_new(int version) =>
        Assert.Contains($"operator set {version}; 7 to 23",
            Fails(Changed(m => m.OpsetImport[0].Version = version), SpadeError.InvalidArgument).Message);

    [Fact]
    public void A_missing_output_is_named_with_those_there_are()
    {
        var e = Fails(Changed(m => m.Graph.Node[0].Output[0] = m.Graph.Output[0].Name = "layer9"), SpadeError.InvalidArgument);
        Assert.Contains("no output 'level'", e.Message);
        Assert.Contains("'layer9'", e.Message);
    }

    [Theory]
    [InlineData(float.NaN, 1)]
    [InlineData(float.NegativeInfinity, 1)]
    [InlineData(float.PositiveInfinity, 26)]
    [InlineData(float.NaN, 17)]
    public void Weights_that_are_not_finite(float bad, int at)
    {
        float[] weights = new float[3 * 3 * 3];
        weights[at] = bad;
        Assert.Contains("'level.weight' of test model holds NaN or infinite",
            Fails(SmallModels.Of(g => g.Conv("image", "level", [1, 3, 3, 3], weights)), SpadeError.InvalidArgument).Message);
    }

    [Fact]
    public void Features_that_are_not_finite_though_the_weights_are()
    {
        var e = Fails(SmallModels.Of(g => g.Node("Log", "level", [g.Node("Sub", "zero", ["image", "image"])])),
            SpadeError.FailedPrecondition);
        Assert.Contains("level 1 features contain NaN", e.Message);
    }

    [Fact]
    public void Operators_and_shapes_that_make_no_sense()
    {
        Assert.Contains("cannot run test model",
            Fails(SmallModels.Of(g => g.Node("NoSuchOperator", "level", ["image"])), SpadeError.InvalidArgument).Message);
        Assert.Contains("cannot run test model",
            Fails(SmallModels.Of(g => g.Conv("image", "level", [4, 5, 1, 1], new float[20])), SpadeError.InvalidArgument).Message);
        Assert.Contains("cannot run test model",
            Fails(SmallModels.Of(g => g.Flatten("image", "level")), SpadeError.InvalidArgument).Message);
        Assert.Contains("exported for batches of 4",
            Fails(Changed(m => m.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimValue = 4), SpadeError.InvalidArgument).Message);
        Assert.Contains("is 17 but model.json asks for 16",
            Fails(Changed(m => m.Graph.Input[0].Type.TensorType.Shape.Dim[3].DimValue = 17), SpadeError.InvalidArgument).Message);
        Assert.Contains("another file",
            Fails(Changed(m => m.Graph.Initializer[0].DataLocation = TensorProto.Types.DataLocation.External),
            SpadeError.InvalidArgument).Message);
    }

    [Fact]
    public void A_network_that_asks_for_more_memory_than_there_is()
    {
        // 16x16x3 pixels tiled 2^20 times each way: 3 petabytes, then cut back to the input's size.
        var e = Fails(SmallModels.Of(g =>
        {
            string huge = g.Node("Tile", "huge", ["image", g.Constant("repeats", [1L, 1, 1 << 20, 1 << 20])]);
            g.MaxPool(huge, "level", 1, 1 << 20, [0, 0, 0, 0], ceil: false);
        }), SpadeError.InvalidArgument);
        Assert.Contains("cannot run test model", e.Message);
    }

    [Fact]
    public async Task A_network_exported_for_single_images_takes_any_number()
    {
        var model = Changed(m => m.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimValue = 1);
        using var extractor = new OnnxRuntimeExtractor(model, new() { Batch = 4 });
        RgbImage[] images = [.. Enumerable.Range(0, 3).Select(i => ModelVerification.Image(extractor.Model, i))];
        ImageFeatures[] features = [.. images.Select(_ => new ImageFeatures(extractor.Model))];
        await extractor.ExtractAsync(images, features);
        for (int i = 0; i < 3; i++) Extraction.AssertSameBits(await Extraction.Of(extractor, images[i]), features[i]);
    }

    [Fact]
    public async Task An_image_of_another_size_is_refused_by_number()
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        var features = new ImageFeatures(extractor.Model);
        var e = await Assert.ThrowsAsync<SpadeException>(async ()
            => await extractor.ExtractAsync([new RgbImage(224, 224), new RgbImage(223, 224)], [features, features]));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("image 1 is 223x224", e.Message);
        Assert.True(extractor.Health.IsHealthy);
    }

    [Fact]
    public async Task Cancellation_leaves_the_extractor_usable_and_healthy()
    {
        using var extractor = new OnnxRuntimeExtractor(SyntheticResNet.Build(ResNetArchitecture.All[0], 1));
        var image = ModelVerification.Image(extractor.Model, 1);
        var expected = await Extraction.Of(extractor, image);
        RgbImage[] many = [.. Enumerable.Repeat(image, 2000)];
        var features = new ImageFeatures(extractor.Model);
        using var source = new CancellationTokenSource();
        var running = Task.Run(async () => await extractor.ExtractAsync(many, [.. many.Select(_ => features)], source.Token));
        source.CancelAfter(50); // within a run, most likely
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Extraction.AssertSameBits(expected, await Extraction.Of(extractor, image));
        Assert.True(extractor.Health.IsHealthy);
    }

    public static TheoryData<Exception, SpadeError, string> DeviceFailures => new()
    {
        { Failure("CUDA failure 719: unspecified launch failure ; GPU=0\nstack trace"), SpadeError.Unavailable,
            "cpu failed while running oriented-energy-1: CUDA failure 719" },
        { new OutOfMemoryException(), SpadeError.ResourceExhausted, "not enough memory to run oriented-energy-1 on cpu" },
    };

    [Theory]
    [MemberData(nameof(DeviceFailures), DisableDiscoveryEnumeration = true)]
    public async Task A_lost_device_makes_the_extractor_unhealthy_for_good(Exception failure, SpadeError error, string says)
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open());
        Assert.Equal(new ExtractorHealth("CPU", "cpu", OrientedEnergy.Open().Digest), extractor.Health);
        var image = ModelVerification.Image(extractor.Model, 1);
        extractor.BeforeRun = () => throw failure;
        var e = await Assert.ThrowsAsync<SpadeException>(() => Extraction.Of(extractor, image));
        Assert.Equal(error, e.Error);
        Assert.Contains(says, e.Message);
        Assert.DoesNotContain('\n', e.Message);

        extractor.BeforeRun = null;
        Assert.Equal(e.Message, extractor.Health.Problem);
        e = await Assert.ThrowsAsync<SpadeException>(() => Extraction.Of(extractor, image));
        Assert.Equal((SpadeError.Unavailable, extractor.Health.Problem), (e.Error, e.Message));
    }

    [NoCudaFact]
    public void Without_CUDA_asking_for_it_is_an_error_and_never_the_CPU()
    {
        foreach (string device in new[] { "cuda", "cuda:7" })
        {
            var e = Assert.Throws<SpadeException>(()
                => new OnnxRuntimeExtractor(OrientedEnergy.Open(), new() { Device = OnnxRuntimeDevice.Parse(device) }).Dispose());
            Assert.Equal(SpadeError.Unavailable, e.Error);
            Assert.Contains($"device {OnnxRuntimeDevice.Parse(device)} cannot be used", e.Message);
            Assert.DoesNotContain('\n', e.Message);
        }
    }

    [NoCudaFact]
    public async Task Without_CUDA_it_falls_back_where_configured_and_says_so()
    {
        using var extractor = new OnnxRuntimeExtractor(OrientedEnergy.Open(), new() { Device = new(0), FallBackToCpu = true });
        Assert.Equal(("CPU", "cpu", true), (extractor.Health.Provider, extractor.Health.Device, extractor.Health.IsHealthy));
        Assert.Contains("fell back to the CPU, as configured: device cuda:0 cannot be used", extractor.Health.Note);
        await ModelVerification.RunAsync(extractor);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:x")]
    [InlineData("CPU")]
    public void Devices_that_are_none(string text) =>
        Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => OnnxRuntimeDevice.Parse(text)).Error);

    [Fact]
    public void Devices() => Assert.Equal(["cpu", "cuda:0", "cuda:3"],
        new[] { "cpu", "cuda", "cuda:3" }.Select(d => OnnxRuntimeDevice.Parse(d).ToString()));

    /// <summary>The constructor of ONNX Runtime's exception is internal.</summary>
    private static OnnxRuntimeException Failure(string message)
    {
        var constructor = typeof(OnnxRuntimeException).GetConstructors(BindingFlags.NonPublic | BindingFlags.Instance).Single();
        return (OnnxRuntimeException)constructor.Invoke([Activator.CreateInstance(constructor.GetParameters()[0].ParameterType), message]);
    }
}
