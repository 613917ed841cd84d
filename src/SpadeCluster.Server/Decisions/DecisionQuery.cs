using System.Security.Claims;
using Microsoft.AspNetCore.Mvc;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Decisions;

/// <summary>A filter as parameters of an address, the same for results and counts.</summary>
internal sealed record DecisionQuery
{
    [FromQuery(Name = "category")] public string? Category { get; init; }
    [FromQuery(Name = "line")] public string? Line { get; init; }
    [FromQuery(Name = "verdict")] public string? Verdict { get; init; }
    [FromQuery(Name = "since")] public DateTimeOffset? Since { get; init; }
    [FromQuery(Name = "until")] public DateTimeOffset? Until { get; init; }
    [FromQuery(Name = "serial_number")] public string? SerialNumber { get; init; }
    [FromQuery(Name = "shift")] public string? Shift { get; init; }
    [FromQuery(Name = "feedback")] public string? Feedback { get; init; }
    [FromQuery(Name = "shadow_differs")] public bool? ShadowDiffers { get; init; }

    /// <exception cref="SpadeException">InvalidArgument: no such verdict or feedback.</exception>
    /// <exception cref="OutOfScopeException">The caller's key is for other categories.</exception>
    public DecisionFilter Read(ClaimsPrincipal user)
    {
        if (Category is not null) user.Require(Category);
        if (Verdict is not (null or "good" or "review" or "defect"))
            throw new SpadeException(SpadeError.InvalidArgument, "verdict is 'good', 'review' or 'defect'");
        return new DecisionFilter(Category, Line, Verdict, Since, Until, Categories: user.Scope(), SerialNumber: SerialNumber,
            Shift: Shift, Feedback: FeedbackOf(Feedback), ShadowDiffers: ShadowDiffers);
    }

    /// <exception cref="SpadeException">InvalidArgument: no such feedback.</exception>
    private static FeedbackKind? FeedbackOf(string? text) => text switch
    {
        null => null,
        "good" => FeedbackKind.Good,
        "defect" => FeedbackKind.Defect,
        _ => throw new SpadeException(SpadeError.InvalidArgument, "feedback is 'good' or 'defect'"),
    };
}
