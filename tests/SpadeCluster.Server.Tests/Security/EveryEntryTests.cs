using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Grpc;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Telemetry;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>
/// Every endpoint and every gRPC method of a running server, taken from its own list, called by every kind of caller without access
/// come in: no key, a wrong key, a role too low, a key for other categories. What is new is attacked without a new test.
/// </summary>
public sealed class EveryEntryTests(PagesFixture server, ITestOutputHelper output) : IClassFixture<PagesFixture>
{
    private const string Wrong = "spade_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    /// <summary>Addresses without authentication. An addition here is a security decision.</summary>
    private static readonly string[] Open =
    [
        "GET /v1/health/live", "GET /v1/health/ready", "GET /v2/health/live", "GET /v2/health/ready", "GET /v2/", "GET /sign-in",
        "POST /sign-in", "POST /sign-out", "POST /language", "GET /assets/console.css", "GET /assets/console.js", "GET /assets/icon.svg",
        "GET /assets/category.js", "GET /assets/compare.js", "GET /assets/decision.js", "GET /assets/filter.js",
        "GET /assets/normals.js", "GET /assets/page.js", "GET /assets/region.js", "GET /assets/viewer.js",
        "GET /_framework/opaque-redirect",
        "inference.GRPCInferenceService/ServerLive", "inference.GRPCInferenceService/ServerReady",
        "inference.GRPCInferenceService/ServerMetadata",
        "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch", "grpc.health.v1.Health/List",
    ];

    private static readonly IReadOnlyList<Google.Protobuf.Reflection.ServiceDescriptor> Services =
    [
        Spade.V1.Scoring.Descriptor, Spade.V1.Galleries.Descriptor, Spade.V1.Results.Descriptor, Spade.V1.Reports.Descriptor,
        OpenInference.V2.GRPCInferenceService.Descriptor,
    ];

    private IEnumerable<RouteEndpoint> Endpoints =>
        server.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    private IEnumerable<(string Method, RouteEndpoint Endpoint)> Http =>
        from e in Endpoints
        where e.Metadata.GetMetadata<GrpcMethodMetadata>() is null
        from method in e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
        select (method, e);

    private IEnumerable<(GrpcMethodMetadata Method, RouteEndpoint Endpoint)> Grpc =>
        from e in Endpoints
        let method = e.Metadata.GetMetadata<GrpcMethodMetadata>()
        where method is not null && !e.RoutePattern.RawText!.Contains("unimplemented", StringComparison.OrdinalIgnoreCase)
        select (method, e);

    [Fact]
    public void Only_these_are_open_to_anybody()
    {
        string[] open = [.. Http.Where(h => PolicyOf(h.Endpoint) is null).Select(h => Name(h.Method, h.Endpoint)),
            .. Grpc.Where(g => PolicyOf(g.Endpoint) is null).Select(g => g.Endpoint.RoutePattern.RawText!.TrimStart('/'))];
        Assert.Empty(open.Distinct().Except(Open));
        Assert.NotEmpty(open);
    }

    [Fact]
    public async Task No_endpoint_answers_a_caller_that_may_not()
    {
        int rows = 0;
        var problems = new List<string>();
        foreach (var (method, endpoint) in Http)
        {
            if (PolicyOf(endpoint) is not { } policy) continue;
            string pattern = endpoint.RoutePattern.RawText!, name = $"{method} {pattern}";
            bool page = !pattern.StartsWith("/v1", StringComparison.Ordinal) && !pattern.StartsWith("/v2", StringComparison.Ordinal)
                && pattern != TelemetryExport.Path;
            await ExpectAsync("no key", null, page ? 302 : 401);
            await ExpectAsync("a wrong key", Wrong, 401);
            if (LowerThan(policy) is { } low) await ExpectAsync("a role too low", low, 403);
            if (policy is KeyEndpoints.Everything or TelemetryExport.AllCategories
                || pattern.Contains("{category", StringComparison.Ordinal))
                await ExpectAsync("a key for other categories", server.Scoped, 403);

            async Task ExpectAsync(string caller, string? key, int status)
            {
                rows++;
                int got = await SendAsync(method, endpoint, key);
                // So many wrong keys are more than one address may try.
                if (got == 429 && key == Wrong) got = 401;
                if (got != status) problems.Add($"{name}, {caller}: {got} instead of {status}");
            }
        }
        Assert.Empty(problems);
        output.WriteLine($"{rows} attacks");
        Assert.True(rows >= 100, $"{rows} rows");
    }

    /// <summary>Authorization asks the services for the endpoints, routing the application: otherwise both compile all of them.</summary>
    [Fact]
    public void Endpoints_are_created_once()
    {
        var ofServices = server.App.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .ToHashSet(ReferenceEqualityComparer.Instance);
        Assert.NotEmpty(ofServices);
        var ofRouting = ((IEndpointRouteBuilder)server.App).DataSources.SelectMany(s => s.Endpoints);
        // Orleans' pages are added to the finished server.
        Assert.All(ofRouting.Where(e => !ofServices.Contains(e)), e => Assert.Contains(" /orleans", e.DisplayName));
    }

    [Fact]
    public void The_health_service_knows_every_service_by_its_name()
        => Assert.Equal(Services.Select(s => s.FullName), GrpcHosting.Services);

    [Fact]
    public async Task No_gRPC_method_answers_a_caller_that_may_not()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        int rows = 0;
        var problems = new List<string>();
        foreach (var (method, endpoint) in Grpc)
        {
            if (PolicyOf(endpoint) is not { } policy) continue;
            string name = method.Method.FullName;
            var (message, hasCategory) = RequestOf(method);
            await ExpectAsync("no key", null, StatusCode.Unauthenticated);
            await ExpectAsync("a wrong key", Wrong, StatusCode.Unauthenticated);
            if (LowerThan(policy) is { } low) await ExpectAsync("a role too low", low, StatusCode.PermissionDenied);
            if (hasCategory) await ExpectAsync("a key for other categories", server.Scoped, StatusCode.PermissionDenied);

            async Task ExpectAsync(string caller, string? key, StatusCode status)
            {
                rows++;
                var got = await RawGrpc.CallAsync(channel, name, message, key);
                if (got == StatusCode.ResourceExhausted && key == Wrong) got = StatusCode.Unauthenticated;
                if (got != status) problems.Add($"{name}, {caller}: {got} instead of {status}");
            }
        }
        Assert.Empty(problems);
        output.WriteLine($"{rows} attacks");
        Assert.True(rows >= 85, $"{rows} rows");
    }

    /// <summary>The last policy is the endpoint's own; null: no key is needed.</summary>
    private static string? PolicyOf(Endpoint endpoint) => endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>() is { Count: > 0 } all
        ? all.Select(a => a.Policy).MaxBy(p => Enum.TryParse<Role>(p, out var role) ? (int)role : 3) : null;

    private string? LowerThan(string policy) => policy switch
    {
        nameof(Role.Viewer) or TelemetryExport.AllCategories => null,
        nameof(Role.Operator) => server.Viewer,
        _ => server.Operator,
    };

    private static string Name(string method, RouteEndpoint endpoint)
    {
        string path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
        return $"{method} {(path.StartsWith("/assets/", StringComparison.Ordinal) ? "/assets/" + path.Split('/')[^1] : path)}";
    }

    /// <summary>The endpoint's address with a value for each parameter.</summary>
    private static string PathOf(RouteEndpoint endpoint) => "/" + string.Join('/', endpoint.RoutePattern.PathSegments.Select(s =>
        string.Concat(s.Parts.Select(p => p switch
        {
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal => literal.Content,
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart { Name: "category" or "Category" } => "discs",
            _ => "1",
        }))));

    private async Task<int> SendAsync(string method, RouteEndpoint endpoint, string? key)
    {
        using var client = server.Client(null);
        using var request = new HttpRequestMessage(new HttpMethod(method), PathOf(endpoint));
        string type = endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes[0] ?? "application/json";
        if (method is "POST" or "PUT" or "PATCH")
            request.Content = new StringContent("{}", Encoding.UTF8, type.Replace("*", "png", StringComparison.Ordinal));
        if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (int)answer.StatusCode;
    }

    private static (byte[] Message, bool HasCategory) RequestOf(GrpcMethodMetadata method)
    {
        var service = Services.SingleOrDefault(d => d.FullName == method.Method.ServiceName);
        if (service?.FindMethodByName(method.Method.Name) is not { } described) return ([], false);
        var message = (IMessage)Activator.CreateInstance(described.InputType.ClrType)!;
        bool hasCategory = SetCategory(message);
        return (message.ToByteArray(), hasCategory);
    }

    /// <summary>Sets the field that names the category, in the request or in its filter.</summary>
    private static bool SetCategory(IMessage message)
    {
        foreach (string name in new[] { "category", "model_name", "name" })
        {
            if (message.Descriptor.FindFieldByName(name) is not { } category) continue;
            category.Accessor.SetValue(message, "discs");
            return true;
        }
        if (message.Descriptor.FindFieldByName("filter") is not { } field) return false;
        var filter = (IMessage)Activator.CreateInstance(field.MessageType.ClrType)!;
        field.Accessor.SetValue(message, filter);
        return SetCategory(filter);
    }
}
