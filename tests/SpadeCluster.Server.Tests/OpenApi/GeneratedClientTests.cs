using System.Globalization;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NSwag.CodeGeneration.CSharp;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests.OpenApi;

/// <summary>A client that NSwag generates from /v1/openapi.json, compiled and used.</summary>
public sealed class GeneratedClientTests(ServerFixture server, ITestOutputHelper output) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task It_scores_reads_decisions_and_galleries_and_gets_typed_problems()
    {
        var document = await NSwag.OpenApiDocument.FromJsonAsync(await OpenApiTests.TextAsync(server));
        var settings = new CSharpClientGeneratorSettings
        {
            ClassName = "SpadeHttpClient",
            UseBaseUrl = false,
            GenerateOptionalParameters = true,
            CSharpGeneratorSettings = { Namespace = "Generated" },
        };
        var program = Compile(new CSharpClientGenerator(document, settings).GenerateFile(),
            await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "OpenApi", "RoundTrip.cs")));

        using var http = server.Client(server.Operator);
        var run = program.GetType("RoundTrip")!.GetMethod("RunAsync")!
            .CreateDelegate<Func<HttpClient, byte[], Task<Dictionary<string, string>>>>();
        var found = await run(http, Part.Defective(7));
        foreach (var (name, value) in found) output.WriteLine($"{name}: {value}");

        var decision = await ApiTests.Json(await http.GetAsync("/v1/results?line=generated"));
        Assert.Equal(decision[0].GetProperty("score").GetProperty("pred_score").GetDouble().ToString("R", CultureInfo.InvariantCulture),
            found["score"]);
        Assert.Equal("defect", found["verdict"]);
        // The spot is at 60 to 72 and 44 to 56 of the photograph.
        Assert.Matches("^[56],[34]$", found["box"]);
        Assert.Equal("True 4711", found["kept"]);
        Assert.Equal("True", found["results"]);
        Assert.Equal($"224x224 {224 * 224 * 4}", found["map"]);
        Assert.Equal("True", found["image"]);
        Assert.Equal("Defect Noted", found["feedback"]);
        Assert.Equal("discs 10,other 3", found["galleries"]);
        Assert.Equal("1,2", found["history"]);
        Assert.Equal("Ready True", found["ready"]);
        Assert.Matches(@"^404 404 Not Found: .*'none'.* \(32\)$", found["problem"]);
        Assert.Matches("^404 .*'none'", found["inference problem"]);
    }

    private static Assembly Compile(params string[] sources)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(path => MetadataReference.CreateFromFile(path));
        var compilation = CSharpCompilation.Create("GeneratedClient", sources.Select(s => CSharpSyntaxTree.ParseText(s)), references,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using var assembly = new MemoryStream();
        var result = compilation.Emit(assembly);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(20)));
        assembly.Position = 0;
        return AssemblyLoadContext.Default.LoadFromStream(assembly);
    }
}
