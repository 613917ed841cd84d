namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>Random times of service with a given mean and variation. They are lognormal: never below zero, and with a long tail. The same
/// seed gives the same times.</summary>
internal sealed class ServiceTimes(int seed)
{
    private readonly Random _random = new(seed);

    /// <param name="mean">In seconds.</param>
    /// <param name="variation">Standard deviation / mean; 0: always the mean.</param>
    public double Next(double mean, double variation)
    {
        if (variation == 0) return mean;
        double variance = Math.Log(1 + variation * variation);
        // A normal number, by Box and Muller.
        double normal = Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
        return mean * Math.Exp(Math.Sqrt(variance) * normal - variance / 2);
    }
}
