using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Composition;

internal static partial class Extractors
{
    static partial void AddFull(List<ExtractorChoice> choices) => choices.Add(new(OnnxRuntime, CpuOnly: false, (model, settings) =>
        new OnnxRuntimeExtractor(model, new OnnxRuntimeOptions { Device = OnnxRuntimeDevice.Parse(settings.Device), Threads = settings.Threads })));
}
