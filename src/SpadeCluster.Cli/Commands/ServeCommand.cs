using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Inference;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Server;
using SpadeCluster.Server.Admission;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade serve</summary>
internal static class ServeCommand
{
    private const string DemoGalleries = "demo/galleries", DefaultGrpcUrl = "http://127.0.0.1:5081";
    public const int DefaultThreads = 0;
    private const int DefaultQueue = 64, DefaultWaitingMegabytes = 512;

    public static Option<string> Data() =>
        new("--data")
        {
            Description = "Folder of the server's decisions, keys and audit log.",
            HelpName = "DIR",
            DefaultValueFactory = _ =>
            new ServerOptions().DataFolder
        };

    public static Command Create()
    {
        var (defaults, limits) = (new ServerOptions(), new AdmissionOptions());
        var gallery = new Option<string?>("--gallery")
        {
            Description =
            $"Folder of the galleries, or a PostgreSQL connection string. Default: galleries, or {DemoGalleries} if only that exists.",
            HelpName = "DIR"
        };
        var cluster = new Option<string?>("--cluster")
        {
            Description = "Serve the galleries of a cluster from outside it: Orleans gateways of its silos (Spade:GatewayPort), "
                + "separated by commas.",
            HelpName = "HOST:PORT"
        };
        var clusterId = new Option<string>("--cluster-id")
        {
            Description = "The cluster's name (Spade:ClusterId), with --cluster.",
            HelpName = "NAME",
            DefaultValueFactory = _ => new SiloOptions().ClusterId
        };
        var clusterTls = new Option<string?>("--cluster-tls")
        {
            Description = "Folder with tls.crt, tls.key and ca.crt, by which the cluster's silos and this server authenticate each other.",
            HelpName = "DIR",
        };
        var urls = new Option<string[]>("--urls")
        {
            Description =
            $"Addresses to listen on. Default: {ServerOptions.DefaultUrl}, which only this machine can reach.",
            HelpName = "URL",
            AllowMultipleArgumentsPerToken = true
        };
        var grpc = new Option<string[]>("--grpc-urls")
        {
            Description =
            $"Addresses for gRPC. Default: {DefaultGrpcUrl}, or none if --urls is given; https addresses of --urls also serve gRPC.",
            HelpName = "URL",
            AllowMultipleArgumentsPerToken = true
        };
        var certificate = new Option<string?>("--cert") { Description = "Certificate for https addresses, a PEM file.", HelpName = "FILE" };
        var certificateKey = new Option<string?>("--cert-key")
        {
            Description = "The certificate's private key, a PEM file.",
            HelpName = "FILE"
        };
        var hosts = new Option<string[]>("--host")
        {
            Description = "Further names by which clients call this server.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true
        };
        var proxies = new Option<string[]>("--proxy")
        {
            Description = "Address or network of a proxy in front of this server, whose X-Forwarded headers are trusted.",
            HelpName = "ADDRESS",
            AllowMultipleArgumentsPerToken = true
        };
        var authority = new Option<string?>("--oidc")
        {
            Description = "Issuer of an OpenID Connect provider where people may sign in to the console, in addition to keys.",
            HelpName = "URL"
        };
        var client = new Option<string?>("--oidc-client") { Description = "This server's client id at the provider.", HelpName = "ID" };
        var secret = new Option<string?>("--oidc-secret") { Description = "File that holds the client's secret.", HelpName = "FILE" };
        var claim = new Option<string>("--oidc-claim")
        {
            Description = "Claim whose values give a person's role: spade:ROLE or spade:ROLE:CATEGORY.",
            HelpName = "NAME",
            DefaultValueFactory = _ => defaults.OpenIdClaim
        };
        var deliveries = new Option<string?>("--deliveries")
        {
            Description = "JSON file of webhooks and MQTT brokers that decisions are delivered to (docs/deliveries.md).",
            HelpName = "FILE"
        };
        var pages = new Option<bool>("--orleans-dashboard")
        {
            Description = "Show Orleans' dashboard at /orleans to engineers; with --cluster its silos need Spade:OrleansDashboard=true."
        };
        var database = ServerData.Database();
        var insecure = new Option<bool>("--insecure") { Description = "Allow plain HTTP to other machines." };
        var slots = CommonOptions.Bounded(new Option<int>("--slots")
        {
            Description = "Images scored at once.",
            DefaultValueFactory = _ =>
            limits.Slots
        }, 1, 1024);
        var queue = CommonOptions.Bounded(new Option<int>("--queue")
        {
            Description =
            "Images that may wait; further ones are refused for the moment (429).",
            DefaultValueFactory = _ => DefaultQueue
        }, 0, 100_000);
        var body = CommonOptions.Bounded(new Option<double>("--max-body-mb")
        {
            Description =
            "Largest request, in MB; a larger one is refused (413).",
            HelpName = "MB",
            DefaultValueFactory = _ =>
            Megabytes(defaults.MaxBodyBytes)
        }, 0.001, 2047);
        var waiting = CommonOptions.Bounded(new Option<double>("--max-waiting-mb")
        {
            Description =
            "Memory limit of all requests together, in MB; further ones are refused for the moment (429).",
            HelpName = "MB",
            DefaultValueFactory = _ => DefaultWaitingMegabytes
        }, 0.001, 1_000_000);
        var batch = CommonOptions.Bounded(new Option<int>("--max-batch")
        {
            Description = "Images of one request.",
            DefaultValueFactory = _ => defaults.MaxBatch
        }, 1, 100_000);
        var keep = new Option<string>("--keep")
        {
            Description = "Decisions whose photograph and map are kept.",
            DefaultValueFactory = _ =>
            "all"
        };
        keep.AcceptOnlyFromAmong("all", "flagged", "none");
        var keepGigabytes = CommonOptions.Bounded(new Option<double>("--keep-gb")
        {
            Description =
            "Limit of the photographs and maps kept, in GB; the newest are kept.",
            DefaultValueFactory = _ => defaults.KeepBytes / (double)(1 << 30)
        },
                0.001, 1_000_000);
        var keepDays = CommonOptions.Bounded(new Option<int>("--keep-days")
        {
            Description = "Days that decisions are kept.",
            DefaultValueFactory = _ => defaults.KeepDays
        }, 1, 36_500);
        var keepDeleted = CategoryCommands.KeepDays("--keep-deleted-days");
        var (data, model) = (Data(), CommonOptions.Model());
        var memory = CommonOptions.Memory("Memory limit of all open galleries together, in GB; one takes at most half of it unless it "
            + "needs more; the least recently used are closed. With less they read more from the disk, with the same results. "
            + "Default: half of this machine's.",
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);
        var threads = CommonOptions.Bounded(new Option<int>("--threads")
        {
            Description =
            "Threads for one image; 0: its share of the processors, which is all of them while no other image is scored.",
            DefaultValueFactory = _ => DefaultThreads
        }, 0, 1024);
        var command = new Command("serve",
            "Serve the HTTP API, gRPC and the web console.\n\nExample: spade demo && spade serve, then open http://127.0.0.1:5080")
        {
            gallery, cluster, clusterId, clusterTls, urls, grpc, data, database, certificate, certificateKey, hosts, proxies, insecure,
            pages, authority, client, secret, claim, deliveries,
            slots, queue, body, waiting, batch, keep, keepGigabytes, keepDays, keepDeleted, model, memory,
        };
        var extractor = new DeviceOptions(command, threads);
        command.SetAction(async (parsed, cancellation) =>
        {
            string[]? gateways = parsed.GetValue(cluster)?.Split(',');
            if (gateways is not null) RefuseWithCluster(parsed, [gallery, model, memory, keepDeleted, .. extractor.All]);
            var store = gateways is null ? GalleryLocation.Open(Folder(parsed.GetValue(gallery))) : null;
            var settings = extractor.Read(parsed);
            var options = defaults with
            {
                Urls = parsed.GetValue(urls) is { Length: > 0 } some ? some : defaults.Urls,
                GrpcUrls = parsed.GetValue(grpc) is { Length: > 0 } addresses ? addresses : parsed.GetValue(urls) is { Length: > 0 }
                ? [] : [DefaultGrpcUrl],
                DataFolder = parsed.GetRequiredValue(data),
                Database = parsed.GetValue(database) is { } file ? Files.Text(file) : null,
                Proxies = parsed.GetValue(proxies) ?? [],
                Certificate = parsed.GetValue(certificate),
                CertificateKey = parsed.GetValue(certificateKey),
                Hosts = parsed.GetValue(hosts) ?? [],
                Insecure = parsed.GetValue(insecure),
                OpenIdAuthority = parsed.GetValue(authority),
                OpenIdClient = parsed.GetValue(client),
                OpenIdSecretFile = parsed.GetValue(secret),
                OpenIdClaim = parsed.GetRequiredValue(claim),
                Deliveries = parsed.GetValue(deliveries),
                MaxBodyBytes = Math.Max(1024, (long)(parsed.GetValue(body) * (1 << 20))),
                MaxBatch = parsed.GetValue(batch),
                Keep = Enum.Parse<KeepPictures>(parsed.GetRequiredValue(keep), ignoreCase: true),
                KeepBytes = (long)(parsed.GetValue(keepGigabytes) * (1 << 30)),
                KeepDays = parsed.GetValue(keepDays),
            };
            // Scoring keeps pool threads busy; requests must not wait until the pool adds threads.
            ThreadPool.SetMinThreads(Math.Max(128, 8 * Environment.ProcessorCount), 16);
            // Loaded while the server is made, which leaves the other processors idle. If it fails, opening the model says why.
            if (gateways is null) _ = Task.Run(ModelCatalog.LoadRuntime, cancellation);
            await using var server = SpadeServer.Create(options, builder =>
            {
                builder.Services.AddHostedService<IdleMemory>();
                builder.Services.Configure<AdmissionOptions>(o => (o.Slots, o.MaxRequests, o.MaxBytes) =
                    (parsed.GetValue(slots), parsed.GetValue(slots) + parsed.GetValue(queue),
                        Math.Max(options.MaxBodyBytes, (long)(parsed.GetValue(waiting) * (1 << 20)))));
                if (gateways is not null)
                    builder.AddClusterClient(gateways, parsed.GetRequiredValue(clusterId), parsed.GetValue(clusterTls),
                        parsed.GetValue(pages));
                else builder.AddSingleSilo(store!, parsed.GetValue(model), settings.Device, settings.Threads, parsed.Bytes(memory),
                    parsed.GetValue(keepDeleted), parsed.GetValue(pages));
            });
            if (parsed.GetValue(pages)) server.MapOrleansPages();
            // Opened now, so that an unusable model or device is an error at the start, not at the first photograph.
            var opening = gateways is null ? Task.Run(server.Services.GetRequiredService<DeviceEngines>().Open, cancellation)
                : Task.CompletedTask;
            try
            {
                await server.StartAsync(cancellation);
            }
            catch (IOException e)
            {
                throw new SpadeException(SpadeError.Unavailable,
                    $"cannot listen on {string.Join(", ", options.Urls.Concat(options.GrpcUrls))}: {e.Message}", e);
            }
            catch (Exception e) when (gateways is not null && e is OrleansException or TimeoutException)
            {
                throw new SpadeException(SpadeError.Unavailable,
                    $"no gateway of cluster '{parsed.GetValue(clusterId)}' answers at {string.Join(", ", gateways)}: check --cluster, "
                    + "--cluster-id and the silos' Spade:GatewayPort", e);
            }
            try
            {
                await opening;
            }
            catch
            {
                await server.StopAsync(CancellationToken.None);
                throw;
            }
            string grpcAt = options.GrpcUrls.Count > 0 ? $", gRPC at {string.Join(", ", options.GrpcUrls)}" : "";
            Console.WriteLine($"serving {(store is null ? $"cluster '{parsed.GetValue(clusterId)}'" : $"'{store.Location}'")} at "
                + $"{string.Join(", ", options.Urls)}{grpcAt}; stop with Ctrl+C");
            if (store is not null && (await store.ListCategoriesAsync(cancellation)).Count == 0)
                Console.WriteLine("there are no galleries yet: add one in the console, or with 'spade gallery add'");
            await server.WaitForShutdownAsync(cancellation);
            return 0;
        });
        return command;
    }

    private static void RefuseWithCluster(ParseResult parsed, IEnumerable<Option> local)
    {
        string[] given = [.. local.Where(o => parsed.GetResult(o) is { Implicit: false }).Select(o => o.Name)];
        if (given.Length > 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"a cluster has its own galleries, models and devices: leave out {string.Join(", ", given)}, or --cluster");
    }

    private static double Megabytes(long bytes) => bytes / (double)(1 << 20);

    private static string Folder(string? named)
    {
        if (named is not null) return named;
        const string Usual = CommonOptions.GalleryFolder;
        if (Directory.Exists(Usual) || !Directory.Exists(DemoGalleries)) return Usual;
        Console.Error.WriteLine($"spade: there is no folder '{Usual}': serving '{DemoGalleries}'; name another with --gallery");
        return DemoGalleries;
    }
}
