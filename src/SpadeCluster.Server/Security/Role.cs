namespace SpadeCluster.Server.Security;

/// <summary>What a key may do; each role may all that those before it may.</summary>
public enum Role
{
    /// <summary>Look.</summary>
    Viewer,
    /// <summary>Score, and give feedback.</summary>
    Operator,
    /// <summary>Change galleries, and see the audit log.</summary>
    Engineer,
}
