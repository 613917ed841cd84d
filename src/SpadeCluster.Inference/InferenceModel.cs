using System.Security.Cryptography;

namespace SpadeCluster.Inference;

/// <summary>A network (ONNX bytes) with its manifest. The bytes have the digest of the manifest.</summary>
public sealed class InferenceModel
{
    private InferenceModel(ModelManifest manifest, ReadOnlyMemory<byte> network, string source) =>
        (Manifest, Network, Source) = (manifest, network, source);

    public ModelManifest Manifest { get; }

    /// <summary>The ONNX file's bytes.</summary>
    public ReadOnlyMemory<byte> Network { get; }

    /// <summary>The name of this model in messages.</summary>
    public string Source { get; }

    /// <summary>The digest that galleries keep; see <see cref="ModelManifest.FeatureDigest"/>.</summary>
    public string Digest => Manifest.FeatureDigest();

    /// <exception cref="SpadeException">FailedPrecondition: the network's digest is not the manifest's.</exception>
    public static InferenceModel Create(ModelManifest manifest, ReadOnlyMemory<byte> network, string source)
    {
        manifest.Validate(source);
        string actual = DigestOf(network.Span);
        if (!actual.Equals(manifest.Sha256, StringComparison.OrdinalIgnoreCase))
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"{source}: model.onnx has SHA-256 {actual} but model.json expects {manifest.Sha256}; restore the file or import the " +
                $"model again");
        return new(manifest, network, source);
    }

    internal static string DigestOf(ReadOnlySpan<byte> network) => Convert.ToHexStringLower(SHA256.HashData(network));
}
