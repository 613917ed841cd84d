namespace SpadeCluster.Scoring;

/// <summary>How far thresholds may move from known ones: a calibration beyond is not published.</summary>
/// <param name="Theta">The known defect threshold.</param>
/// <param name="Review">The known review threshold; null: there is none.</param>
/// <param name="Tau">The known gate threshold; null: the gate keeps no image from the search, so that tau decides nothing.</param>
/// <param name="Share">The largest move, as a share: 0.05 allows a factor between 1/1.05 and 1.05.</param>
public sealed record ThresholdBounds(double Theta, double? Review, double? Tau, double Share)
{
    public static ThresholdBounds Around(Calibration known, double share)
        => new(known.Theta, known.Review, known.Options.GatePolicy == GatePolicy.Always ? null : known.Tau, share);

    /// <exception cref="SpadeException">FailedPrecondition: a threshold is beyond the bounds.</exception>
    public void Check(Calibration learnt)
    {
        Check("theta", Theta, learnt.Theta);
        // Without a review threshold parts pass up to theta.
        if (Review is not null || learnt.Review is not null) Check("the review threshold", Review ?? Theta, learnt.Review ?? learnt.Theta);
        if (Tau is { } tau) Check("tau", tau, learnt.Tau);
    }

    private void Check(string name, double known, double learnt)
    {
        if (learnt > known * (1 + Share) || learnt * (1 + Share) < known)
            throw new SpadeException(SpadeError.FailedPrecondition, FormattableString.Invariant(
                $"{name} would move from {known:G4} to {learnt:G4}, by more than {100 * Share:0.#} %"));
    }
}
