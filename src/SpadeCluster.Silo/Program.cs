using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SpadeCluster;
using SpadeCluster.Grains.Placement;
using SpadeCluster.Silo.Clustering;
using SpadeCluster.Silo.Hosting;

// appsettings.json lies beside the program, wherever it is started from; paths in options are relative to where that is.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
// Before anything is made or contacted: one sentence for each mistake.
var problems = SiloSettings.Problems(builder.Configuration);
foreach (string problem in problems) Console.Error.WriteLine($"spade-silo: {problem}");
if (problems.Count > 0) return 2;
var options = builder.Configuration.GetSection(SiloOptions.Section).Get<SiloOptions>() ?? new SiloOptions();
// Decoding and searching keep pool threads busy with computing; messages, probes of other silos above all, must not wait for the
// pool to notice. Threads are made when they are wanted.
ThreadPool.SetMinThreads(Math.Max(128, 8 * Environment.ProcessorCount), 16);
try
{
    builder.AddSilo(options);
    var app = builder.Build();
    // Before the silo is a member: a device that cannot be had, or a door that may not be opened, is an error now.
    if (options.Has(SiloRole.Extractor)) app.Services.GetRequiredService<DeviceEngines>().Open();
    app.Services.GetService<HttpDoor>();
    if (options.Clustering == ClusteringKind.PostgreSql) await ClusteringSchema.CreateAsync(options.ConnectionString!, app.Lifetime.ApplicationStopping);
    app.MapSilo(options);
    await app.RunAsync();
    return 0;
}
catch (SpadeException e)
{
    Console.Error.WriteLine($"spade-silo: {e.Message}");
    return e.Error == SpadeError.Unavailable ? 5 : 3;
}
catch (IOException e)
{
    // Kestrel's, where a port is taken.
    Console.Error.WriteLine($"spade-silo: {e.Message}");
    return 5;
}
catch (Exception e) when (e is AddressInUseException or SocketException)
{
    // Orleans', of the same.
    Console.Error.WriteLine($"spade-silo: cannot listen on port {options.SiloPort} for other silos: {e.Message}");
    return 5;
}
catch (OrleansException e)
{
    Console.Error.WriteLine($"spade-silo: could not join the cluster: {e.Message}");
    return 5;
}
