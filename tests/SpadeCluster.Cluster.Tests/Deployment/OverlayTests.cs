using k8s.Models;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>Objects of the manifests name and select each other as they should.</summary>
public sealed class OverlayTests
{
    [KubectlFact]
    public void Overlays_consist_of_the_objects_that_Kubernetes_has()
    {
        Assert.Equal(["cpu", "factory", "first-key", "gpu", "separate", "servers"], Overlay.All.Select(o => o.Name).Order());
        string[] Deployments(string overlay) => [.. Overlay.Named(overlay).Of<V1Deployment>().Select(d => d.Metadata.Name).Order()];
        Assert.Equal(["spade-gallery", "spade-gateway"], Deployments("cpu"));
        Assert.Equal(["spade-gallery", "spade-gateway-gpu"], Deployments("gpu"));
        Assert.Equal(["spade-extractor", "spade-gallery", "spade-gateway"], Deployments("separate"));
        Assert.Equal(["spade-gallery", "spade-gateway", "spade-server"], Deployments("servers"));
        Assert.Equal(["spade-console", "spade-gallery", "spade-gateway"], Deployments("factory"));
        // Reading refuses what Kubernetes would ignore or refuse.
        const string Deployment = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  ";
        Assert.Equal(2, Assert.IsType<V1Deployment>(Overlay.Read(Deployment + "replicas: 2")[0]).Spec.Replicas);
        Assert.ThrowsAny<Exception>(() => Overlay.Read(Deployment + "replcas: 2"));
        Assert.ThrowsAny<Exception>(() => Overlay.Read("apiVersion: apps/v2\nkind: Deployment"));
        Assert.ThrowsAny<Exception>(() => Overlay.Read("apiVersion: cert-manager.io/v1\nkind: Issuer\nspec: { cas: {} }"));
    }

    [KubectlFact]
    public void Every_selector_selects_the_pods_it_is_for()
    {
        foreach (var overlay in Overlay.All)
        {
            var deployments = overlay.Of<V1Deployment>().ToList();
            foreach (var deployment in deployments)
            {
                var labels = deployment.Spec.Selector.MatchLabels;
                // Its own pods, and no others: two deployments would remove each other's.
                Assert.Equal([deployment], deployments.Where(d => Overlay.Matches(labels, d.Spec.Template)));
                Assert.Equal([deployment.Metadata.Name], overlay.Of<V1PodDisruptionBudget>()
                    .Where(b => Overlay.Matches(b.Spec.Selector.MatchLabels, deployment.Spec.Template)).Select(b => b.Metadata.Name));
                foreach (var spread in deployment.Spec.Template.Spec.TopologySpreadConstraints)
                    Assert.Equal(labels.OrderBy(l => l.Key), spread.LabelSelector.MatchLabels.OrderBy(l => l.Key));
            }
            foreach (var service in overlay.Of<V1Service>())
            {
                var pods = overlay.Pods.Where(p => Overlay.Matches(service.Spec.Selector, p)).ToList();
                Assert.NotEmpty(pods);
                foreach (var port in service.Spec.Ports)
                    Assert.All(pods, p => Assert.Contains(p.Spec.Containers[0].Ports, c =>
                        port.TargetPort is { } target ? c.Name == target.Value : c.ContainerPort == port.Port));
            }
            foreach (var policy in overlay.Of<V1NetworkPolicy>())
            {
                var pods = overlay.Pods.Where(p => Overlay.Matches(policy.Spec.PodSelector.MatchLabels, p)).ToList();
                Assert.NotEmpty(pods);
                foreach (var port in policy.Spec.Ingress.SelectMany(i => i.Ports))
                    Assert.All(pods, p => Assert.Contains(p.Spec.Containers[0].Ports, c => c.ContainerPort == int.Parse(port.Port.Value)));
                // Pods of this application that may connect exist.
                foreach (var from in policy.Spec.Ingress.SelectMany(i => i.FromProperty ?? []).Where(f => f.NamespaceSelector is null))
                    Assert.Contains(overlay.Pods, p => Overlay.Matches(from.PodSelector.MatchLabels, p));
            }
            foreach (var monitor in overlay.Of<ServiceMonitor>())
            {
                var service = Assert.Single(overlay.Of<V1Service>(), s => s.Metadata.Labels is { } labels
                    && monitor.Spec.Selector.MatchLabels.All(l => labels.TryGetValue(l.Key, out string? value) && value == l.Value));
                Assert.All(monitor.Spec.Endpoints, e => Assert.Contains(service.Spec.Ports, p => p.Name == e.Port));
                Assert.Equal(overlay.Silos.Count(), overlay.Pods.Count(p => Overlay.Matches(service.Spec.Selector, p)));
            }
        }
    }

    [KubectlFact]
    public void Lines_reach_every_gateway_and_only_the_right_pods_reach_other_ports()
    {
        foreach (var overlay in Overlay.All.Where(o => o.Silos.Any()))
        {
            var service = overlay.Of<V1Service>().Single(s => s.Metadata.Name == "spade");
            var gateways = overlay.Pods.Where(p => Overlay.Matches(service.Spec.Selector, p)).Select(p => p.Metadata.Labels["role"]);
            Assert.Equal([overlay.Name == "gpu" ? "gateway-gpu" : "gateway"], gateways);

            foreach (var rule in overlay.Of<V1NetworkPolicy>().SelectMany(p => p.Spec.Ingress))
                foreach (int port in rule.Ports.Select(p => int.Parse(p.Port.Value)))
                {
                    string[] from = [.. (rule.FromProperty ?? []).Select(f => Text(f.PodSelector) + Text(f.NamespaceSelector))];
                    Assert.Equal(port switch
                    {
                        8080 => [],
                        11111 => ["app=spade"],
                        30000 => ["app=spade-server"],
                        9464 => ["app.kubernetes.io/name=prometheus" + "kubernetes.io/metadata.name=monitoring"],
                        _ => ["spade-clients=true"],
                    }, from);
                }
        }

        static string Text(V1LabelSelector? selector) =>
            string.Join(',', selector?.MatchLabels.Select(l => $"{l.Key}={l.Value}") ?? []);
    }

    [KubectlFact]
    public void Everything_that_a_pod_names_exists_or_is_said_to_be_made()
    {
        string settings = File.ReadAllText(Path.Combine(Overlay.Folder, "base", "settings.env"));
        foreach (var overlay in Overlay.All)
            foreach (var pod in overlay.Pods.Select(p => p.Spec))
            {
                foreach (var source in pod.Containers.SelectMany(c => c.EnvFrom ?? []))
                    Assert.Contains(overlay.Of<V1ConfigMap>(), c => c.Metadata.Name == source.ConfigMapRef.Name);
                var volumes = pod.Volumes.ToDictionary(v => v.Name);
                Assert.All(pod.Containers.SelectMany(c => c.VolumeMounts), m => Assert.Contains(m.Name, volumes.Keys));
                foreach (string secret in volumes.Values.Select(v => v.Secret?.SecretName).OfType<string>())
                    Assert.Matches($"kubectl create secret (tls|generic) {secret} ", settings);
                if (volumes.ContainsKey("models")) Assert.Contains("PersistentVolumeClaim spade-models", settings);
                Assert.DoesNotContain(volumes.Values, v => v.PersistentVolumeClaim is not null || v.ConfigMap is not null);
                if (pod.PriorityClassName is { } priority)
                    Assert.Contains(overlay.Of<V1PriorityClass>(), p => p.Metadata.Name == priority);
                // Without a service account of its own a pod needs no token.
                Assert.Null(pod.ServiceAccountName);
                Assert.False(pod.AutomountServiceAccountToken);
                Confined(pod);
            }
        // cert-manager makes a secret that the silos mount, with an authority of this cluster only.
        var site = Overlay.Named("factory");
        var certificate = site.Of<Certificate>().Single(c => c.Spec.SecretName == "spade-silo");
        var issuer = site.Of<Issuer>().Single(i => i.Metadata.Name == certificate.Spec.IssuerRef.Name);
        Assert.Contains(site.Of<Certificate>(), c => c.Spec.SecretName == issuer.Spec.Ca?.SecretName && c.Spec.IsCA == true);
        Assert.All(site.Of<Certificate>(), c => Assert.Contains(site.Of<Issuer>(), i => i.Metadata.Name == c.Spec.IssuerRef.Name));
    }

    [KubectlFact]
    public void An_autoscaler_sets_the_number_of_pods_alone()
    {
        foreach (var overlay in Overlay.All)
            foreach (var deployment in overlay.Of<V1Deployment>())
            {
                var autoscaler = overlay.Of<V2HorizontalPodAutoscaler>().SingleOrDefault(a =>
                    (a.Spec.ScaleTargetRef.Kind, a.Spec.ScaleTargetRef.Name) == ("Deployment", deployment.Metadata.Name));
                Assert.Equal(autoscaler is null, deployment.Spec.Replicas is not null);
                Assert.True(autoscaler is null || autoscaler.Spec.MinReplicas < autoscaler.Spec.MaxReplicas);
            }
        Assert.Equal("spade-gateway", Overlay.Named("factory").Of<V2HorizontalPodAutoscaler>().Single().Spec.ScaleTargetRef.Name);
    }

    /// <summary>No root, no capability, no writable file except on volumes; secrets are files, so no environment variable contains
    /// one.</summary>
    private static void Confined(V1PodSpec pod)
    {
        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        foreach (var container in pod.Containers)
        {
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            Assert.All(container.EnvFrom ?? [], e => Assert.Null(e.SecretRef));
            Assert.All(container.Env ?? [], e => Assert.Null(e.ValueFrom?.SecretKeyRef));
        }
    }
}
