using System.Text.Json.Serialization;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>A network of a <see cref="NetworkCache"/>.</summary>
/// <param name="Path">For ONNX Runtime, with its optimisations off.</param>
/// <param name="WeightsAreIntact">Whether the weights are those that were written; read on another thread, which takes some
/// milliseconds.</param>
/// <param name="Remove">Removes it from the cache, as far as possible.</param>
internal sealed record CachedNetwork(string Path, CachedNetworkEntry Entry, Task<bool> WeightsAreIntact, Action Remove);

/// <summary>A network that is being made for a <see cref="NetworkCache"/>, in a folder of its own.</summary>
/// <param name="Path">Where ONNX Runtime writes the network.</param>
/// <param name="WeightsFile">The name, beside it, of the file of its weights.</param>
/// <param name="Keep">Puts it into the cache, as far as possible, with the hash of its features.</param>
/// <param name="Remove">Removes what is left of the folder.</param>
internal sealed record NetworkDraft(string Path, string WeightsFile, Action<string> Keep, Action Remove) : IDisposable
{
    public void Dispose() => Remove();
}

/// <summary>What a cache knows of a network.</summary>
/// <param name="Features">Hash of the features of the warm-up image, as the network that was not optimised ahead computes them. Another
/// network, processor or library would give others.</param>
/// <param name="Network">XxHash128 of the network's file.</param>
/// <param name="Weights">XxHash128 of the weights' file.</param>
internal sealed record CachedNetworkEntry(string Features, string Network, string Weights, long WeightsLength);

[JsonSerializable(typeof(CachedNetworkEntry))]
internal sealed partial class NetworkCacheJson : JsonSerializerContext;
