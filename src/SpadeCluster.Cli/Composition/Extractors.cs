using SpadeCluster.Features;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Composition;

/// <summary>Which extractor runs a model, and where.</summary>
/// <param name="Name">One of <see cref="Extractors.All"/>; null: the first that can run the model on the device.</param>
/// <param name="Device">cpu, cuda or cuda:N.</param>
/// <param name="Threads">CPU threads for one image; 0: all processors.</param>
internal sealed record ExtractorSettings(string? Name = null, string Device = Extractors.Cpu, int Threads = 0);

/// <summary>An extractor that this build holds.</summary>
/// <param name="CpuOnly">Whether it knows no other device.</param>
/// <param name="Create">Makes one; the settings' name has been followed already.</param>
internal sealed record ExtractorChoice(string Name, bool CpuOnly, Func<InferenceModel, ExtractorSettings, IFeatureExtractor> Create);

/// <summary>The extractors of this build. The reduced one has only the managed; the full one adds its own in Full/.</summary>
internal static class Extractors
{
    public const string Cpu = "cpu", Managed = "managed", OnnxRuntime = "onnxruntime";

    /// <summary>In order of preference. The managed one comes first wherever it can run a model: it gives the same bits in both
    /// builds and at any number of threads, so that galleries and thresholds do not depend on which host made them.</summary>
    public static IReadOnlyList<ExtractorChoice> All { get; } = Choices();

    /// <exception cref="SpadeException">InvalidArgument: the model cannot be run. Unavailable: this build or machine has no such
    /// extractor or device.</exception>
    public static IFeatureExtractor Open(InferenceModel model, ExtractorSettings settings)
    {
        if (settings.Name is { } name)
        {
            var choice = All.FirstOrDefault(c => c.Name == name) ?? throw new SpadeException(SpadeError.Unavailable, $"this build has no extractor '{name}', only {string.Join(", ", All.Select(c => c.Name))}; the full build has more");
            if (choice.CpuOnly && settings.Device != Cpu) throw new SpadeException(SpadeError.InvalidArgument, $"the {name} extractor runs on the CPU only, not on '{settings.Device}'");
            return choice.Create(model, settings);
        }
        SpadeException? first = null;
        foreach (var choice in All.Where(c => settings.Device == Cpu || !c.CpuOnly))
        {
            try
            {
                return choice.Create(model, settings);
            }
            catch (SpadeException e) when (e.Error == SpadeError.InvalidArgument)
            {
                first ??= e; // an operator it lacks, perhaps; the next may have it
            }
        }
        throw first ?? new SpadeException(SpadeError.Unavailable, $"device '{settings.Device}' needs the full build (ONNX Runtime); this one runs on the CPU only");
    }

    /// <summary>Every extractor that can run the model; what keeps the others from it is said on standard error.</summary>
    /// <exception cref="SpadeException">As <see cref="Open"/>, where none can.</exception>
    public static IReadOnlyList<(string Name, IFeatureExtractor Extractor)> OpenAll(InferenceModel model, ExtractorSettings settings)
    {
        var opened = new List<(string, IFeatureExtractor)>();
        var refused = new List<(string Name, SpadeException Error)>();
        foreach (var choice in All)
        {
            try
            {
                opened.Add((choice.Name, choice.Create(model, choice.CpuOnly ? settings with { Device = Cpu } : settings)));
            }
            catch (SpadeException e) when (e.Error == SpadeError.InvalidArgument)
            {
                refused.Add((choice.Name, e));
            }
        }
        if (opened.Count == 0) throw refused[0].Error;
        foreach (var (name, error) in refused) Console.Error.WriteLine($"spade: not with {name}: {error.Message}");
        return opened;
    }

    private static IReadOnlyList<ExtractorChoice> Choices()
    {
        var choices = new List<ExtractorChoice> { new(Managed, CpuOnly: true, (model, settings) => new ManagedExtractor(model, settings.Threads)) };
        choices.Add(new(OnnxRuntime, CpuOnly: false, (model, settings) =>
            new OnnxRuntimeExtractor(model, new OnnxRuntimeOptions { Device = OnnxRuntimeDevice.Parse(settings.Device), Threads = settings.Threads })));
        return choices;
    }

}
