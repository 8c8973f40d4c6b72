// The grammar of Lepton on one page.
//
// Between lexer and parser stands TokenShaper.cs. It does what one token of lookahead cannot:
//   SEP      ends a statement: a line break outside ( ) and [ ] between a token that can end a statement and one that can start one, or `;`
//   words    contextual keywords become NAME wherever they cannot be the keyword: `state = 0`, `step * 2`, `max(x, 0)`
//   brackets are always balanced for the parser; a missing one has been reported and put in
//   later    the text behind `step optimizer update` is on a side channel: the parser sees the keyword alone
//   plans    their words are keywords inside of plans alone, and no other word is one there: `time <= 5 min`
grammar Lepton;

tokens { MAX, MAX_ASSIGN, MIN_ASSIGN, FOR, MINIMIZE, SUBJECT, TO, WHEN, PIN, PRECISION }

file : (declaration (SEP declaration)*)? EOF ;

declaration
  : 'import' (NAME | STRING)                                                      # importDeclaration
  | 'dim' dim (',' dim)*                                                          # dimDeclaration
  | 'const' NAME (':' type)? '=' expression                                       # constDeclaration
  | 'param' NAME ':' type ('~' expression)?                                       # paramDeclaration
  | 'fn' NAME indexParameters? parameters ('->' results)? (block | '=' expression definitions?)  # function
  | 'format' NAME blocks? indexParameters (':' NAME)? '=' level (',' level)*      # formatDeclaration
  | 'plan' FOR NAME '{' (planItem (SEP? planItem)*)? '}'                          # planDeclaration
  | ('step' | 'optimizer')                                                        # laterDeclaration
  ;

dim : NAME ('=' expression)? ;
indexParameters : '[' NAME (',' NAME)* ']' ;
parameters : '(' (parameter (',' parameter)*)? ')' ;
parameter : NAME (':' type)? ('=' expression)? ;
results : '(' result (',' result)* ')' | type ;
result : NAME (':' type)? ;
blocks : '(' NAME (',' NAME)* ')' ;
level : NAME (('/' | '%') (NAME | INTEGER))? ':' NAME NAME? ;                       // j: compressed   i / b: dense   i: compressed repeated
definitions : 'where' definition ((',' | SEP) definition)* ;   // of a function: also one to a line, since no equation can stand at the top level

type : NAME ('[' (shapeItem (',' shapeItem)*)? ']')? ('in' format)? ;             // f32[B, D] in csr
format : NAME ('.' NAME)* ('(' expression (',' expression)* ')')? ('fill' expression)? ;  // bsr(4, 4) fill 1
shapeItem : '...' NAME | expression ;

planItem
  : MINIMIZE goals                                                                # minimizeItem
  | SUBJECT TO limits                                                             # limitItem
  | PIN NAME TO device                                                            # pinItem
  | PRECISION NAME FOR NAME (',' NAME)*                                           # precisionItem
  ;

goals : goal (',' goal)* planSizes? ;                                             // the command line has these without the words before
limits : limit (',' limit)* planSizes? ;
goal : goalTerm ('+' goalTerm)* ;                                                 // 0.6 * time + 0.4 * cost   cost + 0.002 usd/ms * time
goalTerm : goalFactor ('*' goalFactor)* ;
goalFactor : NAME | quantity ;
quantity : (INTEGER | FLOAT) (NAME ('/' NAME)?)? ;
limit : NAME ('<=' | '<' | '>=' | '>' | '==' | '=') quantity ;                    // only <= has a meaning
planSizes : WHEN planSize (',' planSize)* ;
planSize : NAME '=' INTEGER ;
device : NAME (':' INTEGER)? | STRING ;                                           // gpu0   opencl:0   "edge box"

block : '{' (statement (SEP statement)*)? '}' ;

statement
  : equation                                                                      # equationStatement
  | 'state' equation                                                              # state
  | 'emit' equation                                                               # emit
  | 'scan' NAME 'in' expression block                                             # scan
  | 'iterate' 'until' expression (MAX expression)? block                          # iterate
  | 'update'                                                                      # laterStatement
  ;

equation : definition ('where' definition (',' definition)*)? ;
definition : (target | '(' target (',' target)* ')') assign expression ;
assign : '=' | '+=' | '*=' | MAX_ASSIGN | MIN_ASSIGN ;
target : NAME '\''? ('[' targetIndex (',' targetIndex)* ']')? (':' type)? support? ;
support : 'on' NAME '\''? ('fill' expression)? ;                                  // stored where a tensor is, elsewhere the fill value
targetIndex : expression (':' expression)? ;                                      // i   i: N / 2   (o, i, j)   bin[i]: 10

// Few rules, since each costs time at every operand: `or` is part of expression, `not` of conjunction, `-` and `^` of term.
expression : 'if' expression 'then' expression 'else' expression | conjunction ('or' conjunction)* ;
conjunction : 'not'* comparison ('and' 'not'* comparison)* ;
comparison : sum (('==' | '!=' | '<' | '<=' | '>' | '>=') sum)* ;                 // chains are refused with a message of their own
sum : product (('+' | '-') product)* ;
product : term (('*' | '/' | '%' | '@') term)* ;
term : '-'* (reducer ('-' | 'not' | reducer)*)? postfix ('^' '-'* postfix)* ;     // a reducer takes in the rest of its product; -x^2 = -(x^2)
reducer : REDUCER '[' binder (',' binder)* ']' ;
binder : NAME (':' expression)? ;
postfix : primary (subscripts | arguments)* ;

primary
  : NAME ('.' NAME)* '\''?                                                        # nameExpression
  | (INTEGER | FLOAT)                                                             # number
  | ('true' | 'false')                                                            # truth
  | '(' groupItem (',' groupItem)* ')'                                            # group
  | '[' (expression (',' expression)*)? ']'                                       # list
  ;

groupItem : expression (':' expression)? ;                                        // (h: 8, d); one item without a size is a plain parenthesis
subscripts : '[' subscript (',' subscript)* ']' ;
subscript : NAME '=' expression | expression ('else' expression | slice)? | slice ;
slice : ':' expression? (':' expression?)? ;
arguments : '(' (argument (',' argument)*)? ')' ;
argument : NAME '=' expression | expression ;

// ---- Tokens with names, for TokenShaper.
IMPORT : 'import' ; DIM : 'dim' ; CONST : 'const' ; PARAM : 'param' ; FN : 'fn' ; STEP : 'step' ; OPTIMIZER : 'optimizer' ; FORMAT : 'format' ;
PLAN : 'plan' ; STATE : 'state' ; EMIT : 'emit' ; UPDATE : 'update' ; SCAN : 'scan' ; ITERATE : 'iterate' ; UNTIL : 'until' ; IN : 'in' ;
ON : 'on' ; FILL : 'fill' ; WHERE : 'where' ; IF : 'if' ; THEN : 'then' ; ELSE : 'else' ; AND : 'and' ; OR : 'or' ; NOT : 'not' ;
TRUE : 'true' ; FALSE : 'false' ; COMMA : ',' ; COLON : ':' ; DOT : '.' ; ELLIPSIS : '...' ; PRIME : '\'' ; TILDE : '~' ; ARROW : '->' ;
ASSIGN : '=' ; ADD_ASSIGN : '+=' ; MUL_ASSIGN : '*=' ; EQ : '==' ; NE : '!=' ; LT : '<' ; LE : '<=' ; GT : '>' ; GE : '>=' ; PLUS : '+' ;
MINUS : '-' ; STAR : '*' ; SLASH : '/' ; PERCENT : '%' ; AT : '@' ; CARET : '^' ;
LPAREN : '(' ; RPAREN : ')' ; LBRACKET : '[' ; RBRACKET : ']' ; LBRACE : '{' ; RBRACE : '}' ;

// The BAD ones and FOREIGN are reported by TokenShaper and mended or dropped; the parser never sees them. ----

REDUCER : 'sum' | 'prod' | 'max' | 'min' | 'mean' | 'any' | 'all' | 'argmax' | 'argmin' ;
NAME : [a-zA-Z_] [a-zA-Z_0-9]* ;
INTEGER : DIGITS ;
FLOAT : DIGITS '.' DIGITS EXPONENT? | DIGITS EXPONENT ;
STRING : '"' ~["\r\n]* '"' ;
FOREIGN : '**' | '&&' | '||' | '!' | '=>' | ':=' | '-=' | '/=' | '<>' | '===' ;
BAD_NUMBER : '.'? [0-9] ([eE] [+-] | [0-9a-zA-Z_.])* ;
BAD_STRING : '"' ~["\r\n]* ;
BAD_COMMENT : '/*' (~'*' | '*'+ ~[*/])* '*'* | '#' ~[\r\n]* ;
LINE_COMMENT : '//' ~[\n]* -> channel(HIDDEN) ;
BLOCK_COMMENT : '/*' .*? '*/' -> channel(HIDDEN) ;
SEP : ';' ;   // and, put in by TokenShaper, line breaks
SPACE : [ \t\r\n\f\u00A0\uFEFF]+ -> skip ;
STRAY : . ;

fragment DIGITS : [0-9]+ ('_' [0-9]+)* ;
fragment EXPONENT : [eE] [+-]? [0-9]+ ;
