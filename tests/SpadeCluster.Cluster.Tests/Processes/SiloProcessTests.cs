using SpadeCluster.Cli.Commands.Cluster;

namespace SpadeCluster.Cluster.Tests.Processes;

public sealed class SiloProcessTests
{
    [Fact]
    public async Task A_silo_that_ends_early_ends_the_wait_with_what_it_said()
    {
        string log = Path.GetTempFileName();
        var silo = SiloProcess.New("wrong", "teapot");
        using var process = silo.Start(RealSilos.Program, new Dictionary<string, string>(), log);
        var e = await Assert.ThrowsAsync<SpadeException>(() => silo.WaitReadyAsync(process, log, default));
        Assert.Equal(SpadeError.Unavailable, e.Error);
        Assert.Contains("ended with exit code 2", e.Message);
        Assert.Contains("'teapot' is not a role", e.Message);
        File.Delete(log);
    }
}
