namespace SpadeCluster.Storage;

/// <summary>The moments between two steps of a durable write. Tests end the process or throw there; only tests subscribe.</summary>
internal static class FaultPoint
{
    public static Action<string>? Reached { get; set; }

    public static void Pass(string step) => Reached?.Invoke(step);
}
