namespace SpadeCluster.Scoring;

/// <summary>Limits how far new thresholds may differ from known ones: a calibration beyond them is not published.</summary>
/// <param name="Theta">The known defect threshold.</param>
/// <param name="Review">The known review threshold; null: there is none.</param>
/// <param name="Tau">The known gate threshold; null: every image is localised, so tau has no effect.</param>
/// <param name="Share">The largest allowed change: 0.05 allows a factor between 1/1.05 and 1.05.</param>
public sealed record ThresholdBounds(double Theta, double? Review, double? Tau, double Share)
{
    public static ThresholdBounds Around(Calibration known, double share)
        => new(known.Theta, known.Review, known.Options.GatePolicy == GatePolicy.Always ? null : known.Tau, share);

    /// <exception cref="SpadeException">FailedPrecondition: a threshold is beyond the bounds.</exception>
    public void Check(Calibration learned)
    {
        Check("theta", Theta, learned.Theta);
        // Without a review threshold parts pass up to theta.
        if (Review is not null || learned.Review is not null)
            Check("the review threshold", Review ?? Theta, learned.Review ?? learned.Theta);
        if (Tau is { } tau) Check("tau", tau, learned.Tau);
    }

    private void Check(string name, double known, double learned)
    {
        if (learned > known * (1 + Share) || learned * (1 + Share) < known)
            throw new SpadeException(SpadeError.FailedPrecondition, FormattableString.Invariant(
                $"{name} would move from {known:G4} to {learned:G4}, by more than {100 * Share:0.#} %"));
    }
}
