using Microsoft.Extensions.Options;
using SpadeCluster;
using SpadeCluster.Grains.Placement;
using SpadeCluster.Silo.Clustering;
using SpadeCluster.Silo.Hosting;

// appsettings.json lies beside the program, wherever it is started from; paths in options are relative to where that is.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
var options = builder.Configuration.GetSection(SiloOptions.Section).Get<SiloOptions>() ?? new SiloOptions();
try
{
    builder.AddSilo(options);
    var app = builder.Build();
    // Before anything is contacted: one sentence per mistake.
    app.Services.GetRequiredService<IStartupValidator>().Validate();
    // Before the silo is a member: a device that cannot be had, or a door that may not be opened, is an error now.
    if (options.Has(SiloRole.Extractor)) app.Services.GetRequiredService<DeviceEngines>().Open();
    app.Services.GetService<HttpDoor>();
    if (options.Clustering == ClusteringKind.PostgreSql) await ClusteringSchema.CreateAsync(options.ConnectionString!, app.Lifetime.ApplicationStopping);
    app.MapSilo(options);
    await app.RunAsync();
    return 0;
}
catch (OptionsValidationException e)
{
    foreach (string failure in e.Failures) Console.Error.WriteLine($"spade-silo: {failure}");
    return 2;
}
catch (SpadeException e)
{
    Console.Error.WriteLine($"spade-silo: {e.Message}");
    return e.Error == SpadeError.Unavailable ? 5 : 3;
}
catch (OrleansException e)
{
    Console.Error.WriteLine($"spade-silo: could not join the cluster: {e.Message}");
    return 5;
}
