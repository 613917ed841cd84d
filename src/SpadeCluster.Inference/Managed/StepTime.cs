namespace SpadeCluster.Inference.Managed;

/// <summary>What one step of the network took.</summary>
/// <param name="MultiplyAdds">0 where other work takes the time.</param>
public sealed record StepTime(string Kind, double Milliseconds, long MultiplyAdds);
