namespace SpadeCluster.Inference.BuiltIn;

/// <summary>The models that come with the program. Users choose them by name; galleries find them by digest.</summary>
public static class BuiltInModels
{
    /// <summary>ResNet-18, trained on ImageNet; see resnet18/model.json. Its model folder is in the program's folder; the network is a file
    /// of the package Microsoft.ML.DnnImageFeaturizer.ResNet18.</summary>
    public const string ResNet18 = "resnet18";

    /// <summary>Oriented energy, colour contrast and blobs, without any trained weight.</summary>
    public const string OrientedEnergy = BuiltIn.OrientedEnergy.Name;

    /// <summary>The model of new galleries if none is named.</summary>
    public const string Default = ResNet18;

    private static readonly Lazy<ModelManifest> OrientedEnergyManifest = new(() => BuiltIn.OrientedEnergy.Open().Manifest);

    public static IReadOnlyList<string> Names { get; } = [ResNet18, OrientedEnergy];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "built-in", ResNet18);

    /// <returns>Null: no built-in model has this name.</returns>
    /// <exception cref="SpadeException">NotFound: ResNet-18 is not in the program's folder.</exception>
    public static ModelSource? Find(string name) => name switch
    {
        ResNet18 => ModelSource.In(Folder) with { Location = null },
        OrientedEnergy => new(OrientedEnergyManifest.Value, BuiltIn.OrientedEnergy.Open),
        _ => null,
    };

    /// <exception cref="SpadeException">As <see cref="Find"/>.</exception>
    public static InferenceModel Open(string name = Default)
        => (Find(name) ?? throw new SpadeException(SpadeError.NotFound,
            $"there is no built-in model '{name}', only {string.Join(" and ", Names)}")).Open();
}
