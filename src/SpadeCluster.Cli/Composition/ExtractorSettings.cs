using SpadeCluster.Features;
using SpadeCluster.Inference;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Composition;

/// <summary>The device and threads of a command's models.</summary>
/// <param name="Device">cpu, cuda or cuda:N.</param>
/// <param name="Threads">CPU threads for one image; 0: its share of the processors (all of them while nothing else runs).</param>
internal sealed record ExtractorSettings(string Device = ExtractorSettings.Cpu, int Threads = 0)
{
    public const string Cpu = "cpu";

    /// <exception cref="SpadeException">InvalidArgument: no such device.</exception>
    public OnnxRuntimeOptions Options => new() { Device = OnnxRuntimeDevice.Parse(Device), Threads = Threads };

    /// <exception cref="SpadeException">As <see cref="OnnxRuntimeExtractor"/>'s constructor.</exception>
    public IFeatureExtractor Open(InferenceModel model) => new OnnxRuntimeExtractor(model, Options);
}
