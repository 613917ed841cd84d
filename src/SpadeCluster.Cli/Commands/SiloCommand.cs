using System.CommandLine;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade silo: one silo of a cluster, configured by settings (Spade:...) instead of options.</summary>
internal static class SiloCommand
{
    public static Command Create()
    {
        var command = new Command("silo",
            "Run one silo of a cluster. Its settings come from the environment (Spade__Roles and so on) or "
            + "appsettings.json.\n\nExample: Spade__Roles=gateway,extractor spade silo");
        command.SetAction((_, cancellation) => RunAsync(cancellation));
        return command;
    }

    private static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        // appsettings.json is in the program's folder; paths in options are relative to the current folder.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        // All mistakes are reported before anything is created or contacted.
        var problems = SiloSettings.Problems(builder.Configuration);
        foreach (string problem in problems) Console.Error.WriteLine($"spade: {problem}");
        if (problems.Count > 0) return ExitCodes.Usage;
        var options = builder.Configuration.GetSection(SiloOptions.Section).Get<SiloOptions>() ?? new SiloOptions();
        // Decoding and searching keep pool threads busy; messages and probes of other silos must not wait for a free thread.
        ThreadPool.SetMinThreads(Math.Max(128, 8 * Environment.ProcessorCount), 16);
        try
        {
            builder.AddSilo(options);
            var app = builder.Build();
            // Opened before the silo joins, so that a missing device or a forbidden address is an error now.
            if (options.Has(SiloRole.Extractor)) app.Services.GetRequiredService<DeviceEngines>().Open();
            app.Services.GetService<GatewayServer>();
            if (options.Clustering == ClusteringKind.PostgreSql)
                await ClusteringSchema.CreateAsync(options.DatabaseConnection!, app.Lifetime.ApplicationStopping);
            app.MapSilo(options);
            await app.RunAsync(cancellationToken);
            return 0;
        }
        catch (Exception e) when (e is AddressInUseException or SocketException)
        {
            throw new SpadeException(SpadeError.Unavailable, $"cannot listen on port {options.SiloPort} for other silos: {e.Message}", e);
        }
        catch (IOException e)
        {
            // Kestrel reports a port in use as an IOException.
            throw new SpadeException(SpadeError.Unavailable, e.Message, e);
        }
        catch (OrleansException e)
        {
            throw new SpadeException(SpadeError.Unavailable, $"could not join the cluster: {e.Message}", e);
        }
    }
}
