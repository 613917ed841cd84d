using System.Net;
using System.Net.Security;
using System.Threading.RateLimiting;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Comparison;
using SpadeCluster.Server.Console;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Evaluations;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Grpc;
using SpadeCluster.Server.Grpc.Admission;
using SpadeCluster.Server.Grpc.Errors;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Inference;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Reports;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Shadows;
using SpadeCluster.Server.Storage;
using SpadeCluster.Server.Telemetry;
using SpadeCluster.Server.TestSets;

namespace SpadeCluster.Server;

/// <summary>The server as one web application: HTTP API, Open Inference, gRPC, console.</summary>
public static class SpadeServer
{
    /// <summary>Policy for further endpoints of a server: an engineer with a key for all categories.</summary>
    public const string EngineersForAll = KeyEndpoints.Everything;

    private const string ByHeaderOrCookie = "SpadeServer";

    /// <summary>For reading certificates, before services exist.</summary>
    private static readonly ILogger CertificateLog =
        LoggerFactory.Create(b => b.AddSimpleConsole(o => o.SingleLine = true)).CreateLogger<CertificateFile>();

    /// <summary>Creates a server, for the caller to run and dispose.</summary>
    /// <param name="engine">Adds the engine of the server: <see cref="IScoringService"/>, <see cref="IVersionScoring"/>,
    /// <see cref="IGalleryServices"/>, <see cref="IVersionWatch"/>, <see cref="IEngineStatus"/> and <see cref="ISnapshots"/>.</param>
    /// <exception cref="SpadeException">InvalidArgument: an unsafe address. Unavailable: the data folder cannot be used.</exception>
    public static WebApplication Create(ServerOptions options, Action<WebApplicationBuilder> engine)
    {
        var database = ServerDatabase.Open(options);
        try
        {
            bool anyKey = new ApiKeyStore(database, TimeProvider.System).AnyValid();
            var (http, grpc) = Binding.Check(options, anyKey);
            OpenIdSignIn.Check(options, anyKey);
            return Create(options, engine, database, http, grpc);
        }
        catch
        {
            database.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }

    private static WebApplication Create(ServerOptions options, Action<WebApplicationBuilder> engine, ServerDatabase database,
        IReadOnlyList<Uri> http, IReadOnlyList<Uri> grpc)
    {
        Uri[] urls = [.. http, .. grpc];
        var certificate = urls.Any(u => u.Scheme == Uri.UriSchemeHttps)
            ? new CertificateFile(options.Certificate!, options.CertificateKey, logger: CertificateLog) : null;
        var proxies = Proxies.Networks(options);
        var destinations = Destination.ReadFile(options.Deliveries);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName =
            typeof(SpadeServer).Assembly.GetName().Name
        });
        builder.Logging.AddSimpleConsole(o => o.SingleLine = true).SetMinimumLevel(LogLevel.Warning)
            // Cookie keys are stored in the server's database, which only its owner can read.
            .AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error)
            // Sign-ins can fail without a key; FailedSignIns logs a bounded number.
            .AddFilter("Microsoft.AspNetCore.Authentication.OpenIdConnect", LogLevel.None)
            // ErrorInterceptor logs what handlers throw. The rest are messages that cannot be read, of which a client can send many.
            .AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.None);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            Limit(kestrel, options);
            var connections = new ConnectionLimit(options.ConnectionsPerAddress, proxies);
            // Without TLS an address supports only one version of HTTP.
            foreach (var url in http)
                Listen(kestrel, url, url.Scheme == Uri.UriSchemeHttps ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1, connections,
                    certificate);
            foreach (var url in grpc) Listen(kestrel, url, HttpProtocols.Http2, connections, certificate);
        });
        AddServices(builder.Services, options, database, destinations);
        engine(builder);

        var app = builder.Build();
        // Created now, so that their metrics exist before the first request.
        app.Services.GetRequiredService<ServerMetrics>();
        app.Services.GetRequiredService<AdmissionControl>();
        app.UseProxies(options);
        app.UseRequestGuard(Binding.AnyHost(options, urls) ? null : Binding.HostNames(options, urls));
        app.UseExceptionHandler();
        app.UseStatusCodePages(context => Problems.WriteAsync(context.HttpContext));
        app.UseLanguages();
        app.UseRouting();
        app.UseSlowStreams();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
        app.UseAntiforgery();
        var api = app.MapGroup("/v1");
        api.MapScoring();
        api.MapResults();
        api.MapFeedback();
        api.MapShadows();
        api.MapGalleries();
        api.MapCategories();
        api.MapServer();
        api.MapKeys();
        api.MapNotices();
        api.MapReports();
        api.MapComparison();
        api.MapEvaluation();
        app.MapOpenApi("/v1/openapi.json").RequireAuthorization(nameof(Role.Viewer));
        app.MapOpenInference();
        app.MapConsole();
        app.MapOpenIdSignIn(options);
        app.MapSpadeGrpc();
        TelemetryExport.Map(app);
        KeepEndpoints(app);
        app.Lifetime.ApplicationStarted.Register(() => _ = ResumeAsync(app.Services));
        return app;
    }

    /// <summary>
    /// Authorization and routing both ask for all endpoints, and each time ASP.NET compiles the code that reads their requests. A composite
    /// source asks once: the first request is answered earlier.
    /// </summary>
    private static void KeepEndpoints(IEndpointRouteBuilder routes)
    {
        var endpoints = new CompositeEndpointDataSource([.. routes.DataSources]);
        routes.DataSources.Clear();
        routes.DataSources.Add(endpoints);
    }

    /// <summary>Continues the unfinished work of a previous process: first undoes unfinished feedback, then learns missing
    /// thresholds.</summary>
    private static async Task ResumeAsync(IServiceProvider services)
    {
        await services.GetRequiredService<FeedbackService>().ResumeAsync();
        await services.GetRequiredService<Recalibration>().ResumeAsync();
    }

    private static void AddServices(IServiceCollection services, ServerOptions options, ServerDatabase database,
        IReadOnlyList<Destination> destinations)
    {
        services.AddSingleton(options).AddSingleton(TimeProvider.System);
        // Registered by a factory, so that the application disposes it.
        services.AddSingleton(_ => database);
        services.AddSingleton<DecisionFeed>().AddSingleton<DecisionLog>().AddSingleton<DecisionPictures>();
        services.AddSingleton<DecisionStatistics>().AddSingleton<ShiftReporter>();
        services.AddSingleton<BackgroundScoring>().AddSingleton<VersionComparison>().AddSingleton<CategoryEvaluation>();
        services.AddSingleton<FeedbackLog>().AddSingleton<ThresholdAnchors>().AddSingleton<FeedbackTrial>().AddSingleton<FeedbackService>();
        services.AddSingleton<ShadowLog>().AddSingleton<ShadowService>().AddSingleton<ShadowScoring>();
        services.AddHostedService(s => s.GetRequiredService<ShadowScoring>());
        services.AddHostedService<DecisionSweep>();
        services.AddSingleton(destinations).AddSingleton<Outbox>();
        if (destinations.Count > 0) services.AddHostedService<DeliveryService>();
        services.AddSingleton<FactReader>().AddSingleton<NoticeFeed>().AddSingleton<NoticeService>().AddHostedService<NoticeWatch>();
        if (options.Database is not null) services.AddHostedService<SharedFeed>();
        services.AddSingleton<ApiKeyStore>().AddSingleton<AuditLog>().AddSingleton<KeyChanges>().AddSingleton<FailedSignIns>();
        services.AddSingleton<Sessions>().AddSingleton<Readiness>();
        services.AddSingleton<DecisionService>().AddSingleton<ServerMetrics>().AddSingleton<ServerStatistics>();
        services.AddSingleton<CategoryStatistics>().AddSingleton<InferService>().AddSingleton<CategoryChanges>();
        services.AddSingleton(_ => new TelemetryExport("spade-server"));

        services.AddSpadeGrpc();
        services.AddRoutingCore();
        services.AddProblemDetails();
        services.AddExceptionHandler<ProblemWriter>();
        services.ConfigureHttpJsonOptions(json => ServerJson.ConfigureRequests(json.SerializerOptions));
        services.Configure<RouteHandlerOptions>(binding => binding.ThrowOnBadRequest = true);
        services.AddApiDocument();
        services.AddDataProtection().SetApplicationName("spade");
        services.AddOptions<KeyManagementOptions>().Configure<ServerDatabase>((o, d) => o.XmlRepository = new CookieKeys(d));
        services.AddAntiforgery(antiforgery => antiforgery.Cookie.SameSite = SameSiteMode.Strict);
        services.AddHttpContextAccessor();
        services.AddCascadingAuthenticationState();
        services.AddRazorComponents();
        services.AddLocalization();

        services.AddAuthentication(ByHeaderOrCookie)
            .AddPolicyScheme(ByHeaderOrCookie, null, policy => policy.ForwardDefaultSelector = context =>
                SignIn.Concerns(context) ? CookieAuthenticationDefaults.AuthenticationScheme : ApiKeyAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, null)
            .AddCookie(SignIn.Configure)
            .AddOpenId(options);
        services.AddOptions<CookieAuthenticationOptions>(CookieAuthenticationDefaults.AuthenticationScheme)
            .Configure<Sessions>((cookies, sessions) => cookies.SessionStore = sessions);
        var authorization = services.AddAuthorizationBuilder();
        foreach (string role in Enum.GetNames<Role>())
            authorization.AddPolicy(role, policy => policy.RequireRole(role).RequireAssertion(c => IsInScope(c)));
        authorization.AddPolicy(KeyEndpoints.Everything,
            policy => policy.RequireRole(nameof(Role.Engineer)).RequireAssertion(c => c.User.Scope() is null));
        authorization.AddPolicy(TelemetryExport.AllCategories, policy => policy.RequireAssertion(c => c.User.Scope() is null));

        services.AddRateLimiter(limiter =>
        {
            limiter.AddPolicy<string, StreamLimit>(StreamLimit.Name);
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(
                context.CallerId(),
                _ => new TokenBucketRateLimiterOptions
                {
                    TokenLimit = 2 * options.RequestsPerSecond,
                    TokensPerPeriod = options.RequestsPerSecond,
                    ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                    AutoReplenishment = true
                }));
            limiter.OnRejected = (context, _) =>
                new ValueTask(Problems.WriteAsync(context.HttpContext, StatusCodes.Status429TooManyRequests,
                    $"more than {options.RequestsPerSecond} requests a second; slow down", retryAfter: 1));
        });
    }

    /// <summary>A path with a category requires a key for that category, for every endpoint.</summary>
    private static bool IsInScope(AuthorizationHandlerContext context)
        => (context.Resource as HttpContext)?.GetRouteValue("category") is not string category || context.User.May(category);

    private static void Limit(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = options.MaxBodyBytes;
        limits.MaxRequestHeadersTotalSize = 16 * 1024;
        limits.MaxRequestHeaderCount = 64;
        limits.MaxRequestLineSize = 4096;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MinRequestBodyDataRate = new MinDataRate(1024, TimeSpan.FromSeconds(5));
    }

    private static void Listen(KestrelServerOptions kestrel, Uri url, HttpProtocols protocols, ConnectionLimit connections,
        CertificateFile? certificate)
    {
        void Configure(ListenOptions listen)
        {
            listen.Protocols = protocols;
            // Before TLS, because a handshake costs more than a connection.
            listen.Use(connections.Bound);
            if (url.Scheme == Uri.UriSchemeHttps)
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(
                        new SslServerAuthenticationOptions { ServerCertificateContext = certificate!.Current }),
                });
        }
        if (url.Host == "localhost") kestrel.ListenLocalhost(url.Port, Configure);
        else kestrel.Listen(IPAddress.Parse(url.Host), url.Port, Configure);
    }

    /// <summary>No minimum data rate for gRPC streams, which may pause; AdmittedStream limits the time of each image. The endpoint decides,
    /// because any request can have gRPC's content type.</summary>
    private static void UseSlowStreams(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>() is not null
            && context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        return next(context);
    });

    /// <summary>Whether a request is of a program, which gets a status instead of the sign-in page.</summary>
    internal static bool IsApi(this HttpRequest request) =>
        request.Path.StartsWithSegments("/v1") || request.Path.StartsWithSegments("/v2") || request.Path == TelemetryExport.Path
        || request.IsGrpc();
}
