-- DecisionTreeClassifier, written by closedform
-- exact · 1 of 4 inputs · raw units · length 31.
-- In Oracle's SQL; missing is NULL.
WITH given AS (
    SELECT
        t."id",
        NULLIF(CAST(t."petal width (cm)" AS BINARY_DOUBLE), BINARY_DOUBLE_NAN) AS petal_width_cm
    FROM "data" t
), step_1 AS (
    SELECT /*+ MATERIALIZE */
        "id",
        CASE
            WHEN petal_width_cm <= 0.8000000417232512d THEN 1.0d
            WHEN petal_width_cm > 1.7500000596046448d THEN 0.0d
            ELSE 0.0d
        END AS tree_1,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512d THEN 0.0d
            WHEN petal_width_cm > 1.7500000596046448d THEN 0.021739130434782608d
            ELSE 0.9074074074074074d
        END AS p_1,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512d THEN 0.0d
            WHEN petal_width_cm > 1.7500000596046448d THEN 0.9782608695652174d
            ELSE 0.09259259259259259d
        END AS tree_2
    FROM given
), step_2 AS (
    SELECT /*+ MATERIALIZE */
        "id", tree_1, p_1,
        GREATEST(tree_1, p_1, tree_2) AS v1
    FROM step_1
)
SELECT
    "id",
    CASE WHEN tree_1 = v1 THEN 0 WHEN p_1 = v1 THEN 1 ELSE 2 END AS "label",
    p_1 AS "P(1)"
FROM step_2
