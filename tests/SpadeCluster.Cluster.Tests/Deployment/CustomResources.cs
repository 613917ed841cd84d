using k8s;
using k8s.Models;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>The resources of operators that the manifests use, with the fields that they use; KubernetesClient has none of them.</summary>
internal static class CustomResources
{
    public static readonly IDictionary<string, Type> Types = new Dictionary<string, Type>
    {
        ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(ServiceMonitor),
        ["cert-manager.io/v1/Issuer"] = typeof(Issuer),
        ["cert-manager.io/v1/Certificate"] = typeof(Certificate),
    };
}

public abstract class CustomResource<T> : IKubernetesObject<V1ObjectMeta> where T : new()
{
    public string ApiVersion { get; set; } = "";
    public string Kind { get; set; } = "";
    public V1ObjectMeta Metadata { get; set; } = new();
    public T Spec { get; set; } = new();
}

/// <summary>Of the Prometheus operator: https://prometheus-operator.dev/docs/api-reference/api/.</summary>
public sealed class ServiceMonitor : CustomResource<ServiceMonitorSpec>;

public sealed class ServiceMonitorSpec
{
    public V1LabelSelector Selector { get; set; } = new();
    public List<ServiceMonitorEndpoint> Endpoints { get; set; } = [];
}

public sealed class ServiceMonitorEndpoint
{
    public string Port { get; set; } = "";
    public string Path { get; set; } = "";
    public string Interval { get; set; } = "";
}

/// <summary>Of cert-manager: https://cert-manager.io/docs/reference/api-docs/.</summary>
public sealed class Issuer : CustomResource<IssuerSpec>;

public sealed class IssuerSpec
{
    public Dictionary<string, string>? SelfSigned { get; set; }
    public CertificateAuthority? Ca { get; set; }
}

public sealed class CertificateAuthority
{
    public string SecretName { get; set; } = "";
}

/// <summary>Of cert-manager.</summary>
public sealed class Certificate : CustomResource<CertificateSpec>;

public sealed class CertificateSpec
{
    public bool? IsCA { get; set; }
    public string? CommonName { get; set; }
    public List<string>? DnsNames { get; set; }
    public string SecretName { get; set; } = "";
    public string? Duration { get; set; }
    public string? RenewBefore { get; set; }
    public List<string>? Usages { get; set; }
    public CertificateKey? PrivateKey { get; set; }
    public CertificateIssuer IssuerRef { get; set; } = new();
}

public sealed class CertificateKey
{
    public string? Algorithm { get; set; }
    public int? Size { get; set; }
    public string? RotationPolicy { get; set; }
}

public sealed class CertificateIssuer
{
    public string Name { get; set; } = "";
    public string Kind { get; set; } = "";
}
