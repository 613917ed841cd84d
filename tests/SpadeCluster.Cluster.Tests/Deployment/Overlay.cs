using k8s;
using k8s.Models;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>A folder of deploy/kubernetes as kubectl renders it, read into the typed models of Kubernetes' API, which refuse unknown
/// fields.</summary>
internal sealed record Overlay(string Name, IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Objects)
{
    public static readonly string Root = FindRoot();
    public static readonly string Folder = Path.Combine(Root, "deploy", "kubernetes");

    private static readonly Lazy<IReadOnlyList<Overlay>> Rendered = new(() =>
        [.. Directory.EnumerateDirectories(Path.Combine(Folder, "overlays")).Append(Path.Combine(Folder, "first-key")).Order()
            .Select(folder => new Overlay(Path.GetFileName(folder), Read(KubectlFactAttribute.Render(folder))))]);

    /// <summary>Every overlay, and the job of the first key.</summary>
    public static IReadOnlyList<Overlay> All => Rendered.Value;

    public static Overlay Named(string name) => All.Single(o => o.Name == name);

    public static IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Read(string yaml) =>
        [.. KubernetesYaml.LoadAllFromString(yaml, CustomResources.Types, strict: true).Cast<IKubernetesObject<V1ObjectMeta>>()];

    public IEnumerable<T> Of<T>() => Objects.OfType<T>();

    public IEnumerable<V1Deployment> Silos => Of<V1Deployment>().Where(d => d.Metadata.Labels["app"] == "spade");

    /// <summary>The pods of deployments and jobs.</summary>
    public IEnumerable<V1PodTemplateSpec> Pods =>
        Of<V1Deployment>().Select(d => d.Spec.Template).Concat(Of<V1Job>().Select(j => j.Spec.Template));

    public V1ConfigMap Settings => Of<V1ConfigMap>().Single(c => c.Metadata.Name.StartsWith("spade-", StringComparison.Ordinal)
        && c.Data.ContainsKey("Spade__ClusterId"));

    public static bool Matches(IDictionary<string, string> selector, V1PodTemplateSpec pod) =>
        selector.All(label => pod.Metadata.Labels.TryGetValue(label.Key, out string? value) && value == label.Value);

    public override string ToString() => Name;

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "SpadeCluster.sln"))) folder = folder.Parent;
        return folder.FullName;
    }
}
