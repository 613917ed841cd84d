using SpadeCluster.Inference.BuiltIn;

namespace SpadeCluster.Inference;

/// <summary>A model that can be opened: its manifest is known, its network has not been read.</summary>
/// <param name="Open">Reads the network and checks its digest; throws as <see cref="ModelFolder.Open"/>.</param>
/// <param name="Location">The model's folder; null: built in.</param>
/// <param name="NetworkFile">The network's file; null: code makes the network.</param>
public sealed record ModelSource(ModelManifest Manifest, Func<InferenceModel> Open, string? Location = null, string? NetworkFile = null)
{
    /// <summary>See <see cref="InferenceModel.Digest"/>.</summary>
    public string Digest { get; } = Manifest.FeatureDigest();

    /// <summary>A model folder.</summary>
    /// <exception cref="SpadeException">NotFound: no such folder or manifest. InvalidArgument: an unreadable manifest.</exception>
    public static ModelSource In(string folder)
        => new(ModelFolder.ReadManifest(folder), () => ModelFolder.Open(folder), folder, Path.Combine(folder, ModelFolder.NetworkFile));

    /// <summary>A built-in model by its name, or a model folder.</summary>
    /// <param name="nameOrFolder">Null: the built-in default.</param>
    /// <exception cref="SpadeException">As <see cref="In"/>.</exception>
    public static ModelSource Of(string? nameOrFolder) => BuiltInModels.Find(nameOrFolder ?? BuiltInModels.Default) ?? In(nameOrFolder!);
}
