using Microsoft.Extensions.DependencyInjection;

namespace SpadeCluster.Client;

/// <summary>Registers the client.</summary>
public static class ClientHosting
{
    /// <summary>One <see cref="SpadeClient"/> for the application.</summary>
    public static IServiceCollection AddSpadeClient(this IServiceCollection services, Action<SpadeClientOptions> configure)
        => services.AddSingleton(s =>
        {
            var options = new SpadeClientOptions();
            configure(options);
            return new SpadeClient(options, s.GetService<TimeProvider>());
        });
}
