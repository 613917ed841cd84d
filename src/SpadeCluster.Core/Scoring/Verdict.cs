namespace SpadeCluster.Scoring;

/// <summary>What to do with a part.</summary>
public enum Verdict
{
    /// <summary>It passes.</summary>
    Good,
    /// <summary>Undecided: a person looks at it. Its score is between the review threshold and the defect threshold.</summary>
    Review,
    /// <summary>It is rejected.</summary>
    Defect,
}
