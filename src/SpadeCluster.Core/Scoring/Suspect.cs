using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>A normal far outside the others: perhaps no good part, perhaps a bad photograph.</summary>
/// <param name="Image">The normal.</param>
/// <param name="Score">Its score against the others.</param>
/// <param name="Next">The next lower score among the normals.</param>
/// <param name="Accepted">Whether an engineer said that it is good; then it counts in the thresholds like any other.</param>
public sealed record Suspect(ImageId Image, double Score, double Next, bool Accepted = false);
