using System.Text.Json;
using System.Text.RegularExpressions;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Tests.Processes;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>The container image holds the published program.</summary>
public sealed class ImageTests
{
    [Fact]
    public void The_image_is_made_of_what_publishing_gives()
    {
        string docker = File.ReadAllText(Path.Combine(Overlay.Root, "deploy", "docker", "Dockerfile"));
        string project = Regex.Match(docker, @"dotnet publish (\S+) -c Release -o /app").Groups[1].Value;
        Assert.True(File.Exists(Path.Combine(Overlay.Root, project, Path.GetFileName(project) + ".csproj")),
            $"'{project}' should be a project");
        string entry = Regex.Match(docker, @"ENTRYPOINT \[""dotnet"", ""([^""]+)""\]").Groups[1].Value;
        // Publishing copies what building makes: the program, how to run it, its settings.
        Assert.Equal(Path.GetFileName(RealSilos.Program), entry);
        string built = Path.GetDirectoryName(RealSilos.Program)!;
        Assert.True(File.Exists(Path.Combine(built, entry)));
        Assert.True(File.Exists(Path.Combine(built, Path.ChangeExtension(entry, ".runtimeconfig.json"))));
        Assert.True(File.Exists(Path.Combine(built, "appsettings.json")));
        var runtime = JsonDocument.Parse(File.ReadAllText(Path.Combine(built,
            Path.ChangeExtension(entry, ".runtimeconfig.json")))).RootElement.GetProperty("runtimeOptions");
        var frameworks = runtime.GetProperty("frameworks").EnumerateArray().Select(f => f.GetProperty("name").GetString()).ToList();
        // The base image: ASP.NET Core, of the framework's version.
        Assert.Contains("Microsoft.AspNetCore.App", frameworks);
        string tag = Regex.Match(docker, @"FROM mcr\.microsoft\.com/dotnet/aspnet:(\S+)").Groups[1].Value;
        Assert.Contains("CMD [\"silo\"]", docker);
        Assert.Equal("net" + tag, runtime.GetProperty("tfm").GetString());
        Assert.Contains($"dotnet/sdk:{tag}", docker);
        // The GPU image: the same program, built on the package that carries CUDA.
        Assert.Contains("-p:Gpu=$GPU", docker);
        Assert.Contains("'$(Gpu)' == 'true'",
            File.ReadAllText(Path.Combine(Overlay.Root, "src", "SpadeCluster.Inference", "SpadeCluster.Inference.csproj")));
        var options = new SiloOptions();
        Assert.Contains($"EXPOSE {options.GrpcPort} {options.HealthPort}", docker);
        // Its bill of materials is part of it.
        Assert.Matches(@"sbom-tool generate -b /app ", docker);
    }
}
