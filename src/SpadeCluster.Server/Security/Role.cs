namespace SpadeCluster.Server.Security;

/// <summary>The rights of a key; each role includes those before it.</summary>
public enum Role
{
    /// <summary>Read.</summary>
    Viewer,
    /// <summary>Score, and give feedback.</summary>
    Operator,
    /// <summary>Change galleries, and see the audit log.</summary>
    Engineer,
}
