namespace SpadeCluster.Storage;

/// <summary>The moments between two steps of making something durable. Tests end the process or throw there; nothing else
/// subscribes.</summary>
internal static class FaultPoint
{
    public static Action<string>? Reached { get; set; }

    public static void Pass(string step) => Reached?.Invoke(step);
}
