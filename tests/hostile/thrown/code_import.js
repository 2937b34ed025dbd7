// import().
return import('fs');
