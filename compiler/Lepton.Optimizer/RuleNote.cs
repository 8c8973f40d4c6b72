namespace Lepton.Optimizer;

/// <summary>A rule that was applied; <c>leptonc explain</c> prints it.</summary>
/// <param name="Pass">The pass that has the rule.</param>
/// <param name="Equation">What became what.</param>
/// <param name="Reason">Why, with the saving in operations and bytes as formulas in the sizes.</param>
public sealed record RuleNote(string Pass, string Equation, string Reason);
