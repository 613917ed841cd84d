namespace SpadeCluster.Storage;

/// <summary>The places between two steps of making something durable. Tests end the process or fail there; nothing else does.</summary>
internal static class FaultPoint
{
    public static Action<string>? Reached { get; set; }

    public static void Pass(string place) => Reached?.Invoke(place);
}
